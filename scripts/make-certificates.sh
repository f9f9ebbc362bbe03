#!/bin/sh
# Makes the certificates in __test__/fixtures/tls anew. They are for tests only,
# their keys are public, and they are valid for a hundred years.
#
#   scripts/make-certificates.sh
set -eu
cd "$(dirname "$0")/../__test__/fixtures/tls"
rm -f ./*.pem

key() {
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1-key.pem"
}

# authority NAME
authority() {
  key "$1"
  openssl req -x509 -new -key "$1-key.pem" -days 36500 -subj "/CN=tests: $1" -out "$1.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}

# certificate NAME AUTHORITY DAYS
certificate() {
  key "$1"
  printf 'subjectAltName=DNS:localhost,DNS:service.test,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' > extensions
  openssl req -new -key "$1-key.pem" -subj "/CN=tests: $1" |
    openssl x509 -req -CA "$2.pem" -CAkey "$2-key.pem" -days "$3" -extfile extensions -out "$1.pem"
  rm extensions
}

authority ca
authority other-ca
certificate server ca 36500
certificate client ca 36500
certificate expired ca -1
certificate stranger other-ca 36500
# Nothing is signed by them any more.
rm ca-key.pem other-ca-key.pem
