#!/bin/sh
# Makes the certificates of the tests: an authority and what it vouches for, in DER, with the keys of servers in PKCS #8.
# All begin today and end in a hundred years, but those of `short`, which end after ten days; tests choose the time.
set -eu
cd "$(dirname "$0")"
new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.pem" 2>/dev/null; }
# authority NAME SUBJECT
authority() {
    new_key "$1"
    openssl req -x509 -new -key "$1.pem" -subj "/CN=$2" -days 36500 -outform DER -out "$1.der" \
        -addext keyUsage=critical,keyCertSign
    openssl x509 -inform DER -in "$1.der" -out "$1.crt"
}
# issued NAME ISSUER DAYS EXTENSIONS [ARGUMENTS...]
issued() {
    name=$1 issuer=$2 days=$3 extensions=$4
    shift 4
    [ -f "$name.pem" ] || new_key "$name"
    printf '%b' "$extensions" > ext.txt
    openssl req -new -key "$name.pem" -subj "/CN=$name" |
        openssl x509 -req -CA "$issuer.crt" -CAkey "$issuer.pem" -days "$days" -extfile ext.txt -out "$name.crt" "$@" 2>/dev/null
    openssl x509 -in "$name.crt" -outform DER -out "$name.der"
    openssl pkcs8 -topk8 -nocrypt -in "$name.pem" -outform DER -out "$name.key"
}
names='subjectAltName=DNS:server.test,DNS:*.wild.test,IP:127.0.0.1\n'
ca='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n'
authority root 'Test authority'
authority twin 'Test authority'
authority other 'Another authority'
issued server root 36500 "$names"'extendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n'
issued sha384 root 36500 "$names" -sha384
issued short root 10 "$names"
issued between root 36500 "$ca"
issued below between 36500 "$names"
issued old-between root 10 "$ca"
issued below-old old-between 36500 "$names"
issued no-authority root 36500 "$names"
issued below-none no-authority 36500 "$names"
issued flat root 36500 'basicConstraints=critical,CA:TRUE,pathlen:0\n'
issued shallow flat 36500 "$names"
issued below-flat flat 36500 "$ca"
issued deep below-flat 36500 "$names"
issued client root 36500 "$names"'extendedKeyUsage=clientAuth\n'
issued agreeing root 36500 "$names"'keyUsage=keyAgreement\n'
issued critical root 36500 "$names"'1.2.3.4=critical,ASN1:NULL\n'
issued narrow root 36500 "$ca"'nameConstraints=permitted;DNS:elsewhere.test\n'
issued below-narrow narrow 36500 "$names"
issued no-names root 36500 'basicConstraints=CA:FALSE\n'
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa-root.pem 2>/dev/null
openssl req -x509 -new -key rsa-root.pem -subj '/CN=RSA authority' -days 36500 -outform DER -out rsa-root.der
openssl x509 -inform DER -in rsa-root.der -out rsa-root.crt
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem 2>/dev/null
issued rsa rsa-root 36500 "$names" -sha512
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem 2>/dev/null
issued p384 root 36500 "$names"
openssl base64 -A -in root.der -out root.b64
rm -f ./*.pem ./*.crt ext.txt
for kept in *.key; do case $kept in server.key | rsa.key | below.key | sha384.key | p384.key) ;; *) rm "$kept" ;; esac; done
