"""A short form of the table of clients, the order in which a server chooses, and how testssl.sh's findings are judged."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

import clients  # noqa: E402
import harness  # noqa: E402
import scan  # noqa: E402
import tls_clients  # noqa: E402


class TestClients(harness.Case):
    timeout_s = 120

    def play(self, client):
        if client.missing():
            self.skipTest(client.missing())
        played, _ = clients.play([client.name], short=True, tell=harness.comment)
        self.assertEqual([], [row.cells() for row in played if row.trouble])


for one in tls_clients.CLIENTS:
    word = "".join(letter if letter.isalnum() else "_" for letter in one.name.lower())
    setattr(TestClients, f"test_{word}", lambda self, client=one: self.play(client))

class TestOrders(harness.Case):
    def test_of_ciphers_and_groups(self):
        with scan.our_server(self.folder) as port:
            self.assertEqual([], scan.look_at_orders(port))


def finding(name, text, severity="OK"):
    return {"id": name, "severity": severity, "finding": text}


class TestJudge(harness.Case):
    good = [
        *(finding(name, "not offered") for name in ("SSLv2", "SSLv3", "TLS1", "TLS1_1")),
        finding("TLS1_2", "offered"),
        finding("TLS1_3", "offered with final"),
        finding("cipher_order", "server"),
        finding("cipherorder_TLSv1_2", "ECDHE-RSA-AES128-GCM-SHA256", "INFO"),
        finding("cipher_x1301", "x1301   TLS_AES_128_GCM_SHA256   ECDH 253   AESGCM", "INFO"),
        finding("cipher_xc02f", "xc02f   ECDHE-RSA-AES128-GCM-SHA256   ECDH 253   AESGCM", "INFO"),
        finding("cert_revocation <cert#1>", "Neither CRL nor OCSP URI provided", "HIGH"),
        finding("scanTime", "204", "INFO"),
    ]
    orders = {"cipherorder_TLSv1_2": ["ECDHE-RSA-AES128-GCM-SHA256"]}

    def wrong(self, *more, without=None):
        findings = [one for one in self.good if one["id"] != without]
        return scan.judge([*findings, *more], self.orders)[0]

    def test_nothing_wrong(self):
        self.assertEqual([], self.wrong())
        self.assertEqual(1, len(scan.judge(self.good, self.orders)[1]))

    def test_what_is_found_counts_from_medium_on(self):
        self.assertEqual([], self.wrong(finding("x", "a little", "LOW")))
        for severity in scan.GRAVE:
            self.assertEqual([f"{severity} x: bad"], self.wrong(finding("x", "bad", severity)))

    def test_versions(self):
        self.assertEqual(["TLS1_1: offered (deprecated)"],
                         self.wrong(finding("TLS1_1", "offered (deprecated)"), without="TLS1_1"))
        self.assertEqual(["TLS1_3: not offered"], self.wrong(finding("TLS1_3", "not offered"), without="TLS1_3"))

    def test_ciphers(self):
        for name in ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256"):  # no forward secrecy; no AEAD
            cipher = finding("cipher_x0", f"x0   {name}   RSA   AES", "INFO")
            self.assertEqual([f"{name} has no AEAD or no forward secrecy"], self.wrong(cipher))

    def test_what_was_not_looked_at_is_not_good(self):
        for name in sorted({one["id"] for one in self.good} - {"cipher_x1301", "cipher_xc02f", "cert_revocation <cert#1>"}):
            self.assertEqual(1, len(self.wrong(without=name)), name)
        self.assertEqual(["no cipher was found"], scan.judge(
            [one for one in self.good if not one["id"].startswith("cipher_x")], self.orders)[0])

    def test_orders(self):
        self.assertEqual(1, len(self.wrong(finding("cipher_order", "NOT a cipher order"), without="cipher_order")))
        backwards = finding("cipherorder_TLSv1_2", "B A", "INFO")
        self.assertEqual(1, len(self.wrong(backwards, without="cipherorder_TLSv1_2")))


if __name__ == "__main__":
    harness.main()
