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
        key = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"]}.get(kind, [kind])
        _openssl("req", "-newkey", *key, "-nodes", "-subj", f"/CN={name}", "-keyout", f"{base}.key",
                 "-out", f"{base}.csr")
        _openssl("x509", "-req", "-in", f"{base}.csr", "-CA", self.crt_path, "-CAkey",
                 self.key_path, "-set_serial", str(self.serial), "-days", str(days), "-extfile",
                 f"{base}.ext", "-out", f"{base}.crt")
        os.chmod(f"{base}.key", 0o600)
        return Certificate(f"{base}.crt", f"{base}.key")

    def issue_authority(self, name):
        """One below this one."""
        self.serial += 1
        below = Authority(name)
        _openssl("x509", "-x509toreq", "-in", below.crt_path, "-signkey", below.key_path, "-out",
                 f"{below.dir}/ca.csr")
        with open(f"{below.dir}/ca.ext", "w") as f:
            f.write("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
        _openssl("x509", "-req", "-in", f"{below.dir}/ca.csr", "-CA", self.crt_path, "-CAkey",
                 self.key_path, "-set_serial", str(self.serial), "-days", "2", "-extfile",
                 f"{below.dir}/ca.ext", "-out", below.crt_path)
        with open(below.crt_path) as f:
            below.crt = f.read()
        return below

    def with_chain(self, certificate):
        """The certificate with this authority's behind it."""
        path = f"{certificate.crt_path}.chain"
        with open(path, "w") as f:
            f.write(certificate.crt + self.crt)
        return Certificate(path, certificate.key_path)

    def revoke(self, *certificates, until=None):
        """A list of what is revoked, as PEM; good for two days, or until then, as 20200102030405Z."""
        base = f"{self.dir}/revoked"
        with open(f"{base}.cnf", "w") as f:
            f.write(f"[ca]\ndefault_ca=own\n[own]\ndatabase={base}.txt\ndefault_md=sha256\n"
                    f"crl_extensions=ext\n[ext]\nauthorityKeyIdentifier=keyid\n")
        open(f"{base}.txt", "w").close()
        common = ["ca", "-config", f"{base}.cnf", "-cert", self.crt_path, "-keyfile", self.key_path]
        for certificate in certificates:
            _openssl(*common, "-revoke", certificate.crt_path)
        dates = ["-crl_lastupdate", "20000101000000Z", "-crl_nextupdate", until] if until else [
            "-crldays", "2"]
        _openssl(*common, "-gencrl", *dates, "-out", f"{base}.crl")
        with open(f"{base}.crl") as f:
            return f.read()

    def answer(self, path, known, asked):
        """An OCSP response about `asked` in that file; the authority vouches for `known` alone."""
        with open(f"{path}.txt", "w") as f:
            for certificate in {known, asked}:
                serial = os.path.basename(certificate.crt_path).partition(".")[0]
                f.write(f"V\t391231235959Z\t\t{int(serial):02X}\tunknown\t/CN={serial}\n")
        request = f"{path}.req"
        _openssl("ocsp", "-issuer", self.crt_path, "-cert", asked.crt_path, "-no_nonce", "-reqout", request)
        _openssl("ocsp", "-index", f"{path}.txt", "-rsigner", self.crt_path, "-rkey", self.key_path, "-CA",
                 self.crt_path, "-reqin", request, "-respout", path, "-ndays", "2")
        return path

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
