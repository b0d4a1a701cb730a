"""An echo server on Twisted, as its tutorial has it: twisted_echo.py [CERTIFICATE KEY]."""
import sys

from twisted.internet import epollreactor

epollreactor.install()

from twisted.internet import protocol, reactor  # noqa: E402 (the reactor is chosen first)


class Echo(protocol.Protocol):
    def connectionMade(self):
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data):
        self.transport.write(data)


def main():
    factory = protocol.Factory.forProtocol(Echo)
    if len(sys.argv) == 3:
        from twisted.internet import ssl

        context = ssl.DefaultOpenSSLContextFactory(sys.argv[2], sys.argv[1])
        port, scheme = reactor.listenSSL(0, factory, context, backlog=4096, interface="127.0.0.1"), "tls"
    else:
        port, scheme = reactor.listenTCP(0, factory, backlog=4096, interface="127.0.0.1"), "tcp"
    print(f"listening on {scheme}://127.0.0.1:{port.getHost().port}", flush=True)
    reactor.run()


main()
