# SPDX-License-Identifier: Apache-2.0
"""A throw-away certificate authority, made with the openssl command."""
import os
import ssl
import subprocess

from .cases import scratch


def _openssl(*args, **kwargs):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE, **kwargs)


class Certificate:
    def __init__(self, crt, key):
        self.crt_path, self.key_path = crt, key
        with open(crt) as f:
            self.crt = f.read()
        with open(key) as f:
            self.key = f.read()


class Authority:
    """Issues certificates that `client_tls()` trusts."""

    def __init__(self, name="Test CA"):
        self.dir = scratch("ca")
        self.serial = 1
        self.crt_path, self.key_path = f"{self.dir}/ca.crt", f"{self.dir}/ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-days", "2", "-subj", f"/CN={name}", "-keyout", self.key_path, "-out",
                 self.crt_path, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        with open(self.crt_path) as f:
            self.crt = f.read()

    def issue(self, name, san=None, days=2, usage="serverAuth,clientAuth", kind="ec"):
        self.serial += 1
        base = f"{self.dir}/{self.serial}"
        san = san or f"DNS:{name}"
        with open(f"{base}.ext", "w") as f:
            f.write(f"subjectAltName={san}\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        key = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["rsa:2048"]
        _openssl("req", "-newkey", *key, "-nodes", "-subj", f"/CN={name}", "-keyout", f"{base}.key",
                 "-out", f"{base}.csr")
        _openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.crt_path, "-CAkey",
                 self.key_path, "-set_serial", str(self.serial), "-days", str(days), "-extfile",
                 f"{base}.ext", "-out", f"{base}.crt")
        os.chmod(f"{base}.key", 0o600)
        return Certificate(f"{base}.crt", f"{base}.key")

    def client_tls(self, certificate=None, alpn=None, maximum=None, verify=True):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(self.crt_path)
        if not verify:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        if certificate:
            tls.load_cert_chain(certificate.crt_path, certificate.key_path)
        if alpn:
            tls.set_alpn_protocols(alpn)
        if maximum:
            tls.minimum_version = tls.maximum_version = maximum
        return tls

    def server_tls(self, certificate, require_client=False):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate.crt_path, certificate.key_path)
        if require_client:
            tls.load_verify_locations(self.crt_path)
            tls.verify_mode = ssl.CERT_REQUIRED
        return tls
