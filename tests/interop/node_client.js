// Node's part in the table of clients: node_client.js PORT VERSION CA [CERTIFICATE KEY], for a full handshake and a
// resumed one. Prints what the server says each time, and Node's own view of whether the session was resumed.
'use strict';
const fs = require('fs');
const tls = require('tls');

const [port, version, ca, cert, key] = process.argv.slice(2);
const options = {
	host: '127.0.0.1', port: Number(port), servername: 'localhost', ca: fs.readFileSync(ca),
	cert: cert && fs.readFileSync(cert), key: key && fs.readFileSync(key),
	minVersion: `TLSv${version}`, maxVersion: `TLSv${version}`,
};

function round(session, done)
{
	let kept = null, reused = false, text = '';
	const socket = tls.connect({ ...options, session }, () => {
		reused = socket.isSessionReused();
		socket.write('hello\n');
	});
	socket.setEncoding('utf8');
	socket.on('session', (fresh) => { kept = fresh; });
	socket.on('data', (data) => {
		text += data;
		if (text.endsWith('\n'))
			socket.end();
	});
	socket.on('error', (error) => {
		console.error(`node: ${error.message}`);
		process.exit(1);
	});
	socket.on('close', () => {
		process.stdout.write(text);
		console.log(reused ? 'client resumed' : 'client full');
		if (!text) {
			console.error('node: the connection ended before an answer');
			process.exit(1);
		}
		done(kept);
	});
}

round(null, (session) => round(session, () => process.exit(0)));
