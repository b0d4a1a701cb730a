#!/usr/bin/env bash
# What certs/make promises: certificates that verify, private keys, and no work when there is none.
# shellcheck source=tests/check/tap.sh
. "$(dirname "$0")/tap.sh"

folder=$scratch/certs
make() { bash "$top_srcdir/certs/make" "$@" 2>&1; }
prints() { (cd "$folder" && sha256sum ./*.pem ./*.key); }

output=$(make "$folder") && output=
report 'makes certificates' "$output"

report 'and nothing else' "$(diff <(ls -A "$folder") - <<'TXT'
ca.pem
client.key
client.pem
server-rsa.key
server-rsa.pem
server.key
server.pem
TXT
)"

report 'keys are private' "$(find "$folder" -name '*.key' ! -perm 0600)"

problems=
for use in server:sslserver server-rsa:sslserver client:sslclient; do
	name=${use%:*}
	out=$(openssl verify -x509_strict -purpose "${use#*:}" -CAfile "$folder/ca.pem" -untrusted "$folder/$name.pem" \
		"$folder/$name.pem" 2>&1) || problems+="$out"
done
for name in server server-rsa; do
	for host in '-verify_hostname localhost' '-verify_ip 127.0.0.1' '-verify_ip ::1'; do
		# shellcheck disable=SC2086 # an option and its value
		out=$(openssl verify $host -CAfile "$folder/ca.pem" -untrusted "$folder/$name.pem" "$folder/$name.pem" \
			2>&1) || problems+="$out"
	done
done
report 'chains verify for each use and name' "$problems"

before=$(prints)
make --quiet "$folder" >/dev/null
report 'a second run keeps them' "$([ "$before" = "$(prints)" ] || echo 'they changed')"

chmod 0644 "$folder/server.key"
make --quiet "$folder" >/dev/null
report 'a key that others may read is made anew' "$([ "$before" != "$(prints)" ] || echo 'it is kept')"

before=$(prints)
cp "$folder/client.key" "$folder/server.key"
make --quiet "$folder" >/dev/null
report 'a pair that does not fit is made anew' "$([ "$before" != "$(prints)" ] || echo 'it is kept')"

before=$(prints)
for name in ca client; do
	openssl req -x509 -key "$folder/client.key" -subj /CN=x -days 1 -out "$folder/$name.pem"
done
dying=$(prints)
make --quiet "$folder" >/dev/null
report 'one that expires is made anew' "$([ "$before" != "$dying" ] && [ "$dying" != "$(prints)" ] ||
	echo 'it is kept')"

report 'wrong usage exits 2' "$([ "$(make --nonsense >/dev/null; echo $?)" = 2 ] || echo 'it does not')"

finish
