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

# What the tests of TLS need besides: everything in it is right or wrong in the one way that its name says.
hard=$scratch/hard
make --tests "$hard" >/dev/null
report 'with --tests: these and nothing else' "$(diff <(ls -A "$hard") - <<'TXT'
a.key
a.pem
b.key
b.pem
ca.pem
client-revoked.key
client-revoked.pem
client.key
client.pem
crl-empty.pem
crl-expired.pem
crl.pem
expired.key
expired.pem
future.key
future.pem
other-ca.pem
other-client.key
other-client.pem
other-server.key
other-server.pem
server-2.key
server-2.pem
server-rsa.key
server-rsa.pem
server.key
server.pem
staple-foreign.der
staple-good.der
staple-revoked.der
staple-rsa.der
staple-stale.der
wrong-name.key
wrong-name.pem
TXT
)"

# verified ROOT NAME OPTION...: what openssl verify says of NAME.pem, without the lines that name certificates.
verified()
{
	openssl verify -x509_strict -CAfile "$hard/$1.pem" -untrusted "$hard/$2.pem" "${@:3}" "$hard/$2.pem" 2>&1 |
		sed -n 's/.*\.pem: OK$/OK/p; s/^error [0-9]* at . depth lookup: //p' | sort -u
}

# says WHAT EXPECTED: a line of complaint when they differ.
says() { [ "$1" = "$2" ] || echo "it says: ${1:-nothing}, expected: $2"; }

for case in 'server-2|OK|localhost' 'a|OK|a.example' 'b|OK|x.b.example' 'wrong-name|OK|elsewhere.example' \
	'wrong-name|hostname mismatch|localhost' 'expired|certificate has expired|localhost' \
	'future|certificate is not yet valid|localhost'; do
	IFS='|' read -r name expected host <<<"$case"
	report "$name for $host: $expected" \
		"$(says "$(verified ca "$name" -purpose sslserver -verify_hostname "$host")" "$expected")"
done
unknown='unable to get local issuer certificate'
report 'the other CA signed the other server' "$(says "$(verified other-ca other-server -purpose sslserver)" OK)"
report 'the other CA signed the other client' "$(says "$(verified other-ca other-client -purpose sslclient)" OK)"
report 'the first CA did not' "$(says "$(verified ca other-server) $(verified ca other-client)" "$unknown $unknown")"

for case in 'crl|client|OK' 'crl|client-revoked|certificate revoked' 'crl-empty|client-revoked|OK' \
	'crl-expired|client|CRL has expired'; do
	IFS='|' read -r list name expected <<<"$case"
	report "$list on $name: $expected" \
		"$(says "$(verified ca "$name" -purpose sslclient -crl_check_all -CRLfile "$hard/$list.pem")" "$expected")"
done

sed '1,/-END/d' "$hard/server.pem" >"$scratch/issuer.pem"
for case in 'good|server|good' 'rsa|server-rsa|good' 'stale|server|good' 'revoked|server|revoked' \
	'foreign|server-2|good' 'foreign|server|ERROR: No Status found.'; do
	IFS='|' read -r staple name expected <<<"$case"
	said=$(openssl ocsp -respin "$hard/staple-$staple.der" -CAfile "$hard/ca.pem" -verify_other "$scratch/issuer.pem" \
		-issuer "$scratch/issuer.pem" -cert "$hard/$name.pem" 2>&1)
	report "staple-$staple on $name: $expected" "$(
		grep -q '^Response verify OK$' <<<"$said" || echo 'its signature is wrong'
		grep -qE "(^|: )$expected\$" <<<"$said" || echo "it says: $said"
		[ "$(grep -c 'Status times invalid' <<<"$said")" = "$([ "$staple" = stale ] && echo 1 || echo 0)" ] ||
			echo "its times are wrong: $said"
	)"
done

prints_hard() { (cd "$hard" && sha256sum ./*); }
before=$(prints_hard)
make "$hard" >/dev/null
make --tests "$hard" >/dev/null
report 'a second run keeps them, with --tests and without' "$([ "$before" = "$(prints_hard)" ] || echo 'they changed')"

report 'and --check finds them good' "$(make --check --tests "$hard")"

for spoilt in 'expired.pem a.pem' 'future.pem server.pem' 'client-revoked.pem client.pem' 'b.key a.key' \
	'crl.pem crl-empty.pem' 'crl-expired.pem crl.pem' 'staple-revoked.der staple-good.der' \
	'staple-stale.der staple-good.der' 'staple-rsa.der staple-good.der' 'other-ca.pem ca.pem'; do
	rm -rf "$scratch/spoilt"
	cp -a "$hard" "$scratch/spoilt"
	cp "$hard/${spoilt#* }" "$scratch/spoilt/${spoilt% *}"
	report "but not with ${spoilt#* } for ${spoilt% *}" \
		"$(make --check --quiet --tests "$scratch/spoilt" && echo 'it does')"
done
report 'and --check makes nothing' "$(make --check --quiet "$scratch/none" && echo 'it finds them good'; ls "$scratch/none" 2>/dev/null)"

report 'wrong usage exits 2' "$([ "$(make --nonsense >/dev/null; echo $?)" = 2 ] || echo 'it does not')"

finish
