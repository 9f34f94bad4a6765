"""Certificates, revocation lists and paths, by PROTOCOL's "A path"."""
import calendar
import re
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from verifier.forms import (DAY, DSA, ED, KIB, LATEST, MIB, OPEN, PRIVILEGED, RSA, SHA2, Flaw, guarded, identity, need,
                            sha, signed_by, within)

PRIME, EIGHTH = (1 << 255) - 19, int("5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826", 16)
PROCESSED = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName, x509.NameConstraints,
             x509.IssuerAlternativeName, x509.CRLDistributionPoints, x509.CertificatePolicies)
ANY, SIGNING, DVCS = "2.5.29.37.0", "1.3.6.1.5.5.7.3.36", "1.3.6.1.5.5.7.3.10"
def ms(thing, name):  # the names that end in _utc are those of newer releases
    found = getattr(thing, name + "_utc", None) or getattr(thing, name)
    return found and calendar.timegm(found.utctimetuple()) * 1000
def only(extensions, known):
    return all(isinstance(one.value, known) for one in extensions if one.critical)
class Cert:
    def __init__(self, der):
        need(len(der) <= 16 * KIB, 1002, "certificate")
        self.digest = sha(der)
        guarded(1001, self.read, der)
    def read(self, der):
        self.x, self.der = x509.load_der_x509_certificate(der), der
        self.key, self.extensions, self.subject, self.issuer = (
            self.x.public_key(), list(self.x.extensions), self.x.subject, self.x.issuer)
        self.since, self.until, form = ms(self.x, "not_valid_before"), ms(self.x, "not_valid_after"), serialization
        self.key_id = sha(self.key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo))
        if isinstance(self.key, ED):
            y = int.from_bytes(self.key.public_bytes(form.Encoding.Raw, form.PublicFormat.Raw), "little") % (1 << 255)
            need(y < PRIME and y not in (0, 1, PRIME - 1, EIGHTH, PRIME - EIGHTH), 2010, "a key of small order")
        sizes = {RSA: range(2048, 8193), DSA: (256, 384), ED: (None,)}
        size = next((sizes[kind] for kind in sizes if isinstance(self.key, kind)), ())
        need(getattr(self.key, "key_size", None) in size and getattr(self.key, "curve", SHA2[0]).name[:1] == "s", 2010, "key")
        basic, usage, self.usages, names, self.limits = (
            next((one.value for one in self.extensions if isinstance(one.value, kind)), None) for kind in PROCESSED[:5])
        self.is_ca, self.length, self.names = bool(basic and basic.ca), basic and basic.path_length, list(names or ())
        self.signs = not usage or usage.digital_signature or usage.content_commitment
        self.issues, self.lists = not usage or usage.key_cert_sign, not usage or usage.crl_sign
        self.usages = self.usages and {one.dotted_string for one in self.usages}
    def identity(self):
        need(len(self.names) == 1 and isinstance(self.names[0], x509.UniformResourceIdentifier), 1009, "alternative names")
        return identity(self.names[0].value)
class Crl:
    def __init__(self, der):
        need(len(der) <= 4 * MIB, 1002, "list")
        guarded(1001, self.read, der)
    def read(self, der):
        self.x, self.der, self.digest, self.entries = x509.load_der_x509_crl(der), der, sha(der), {}
        self.this, self.next, extensions = ms(self.x, "last_update"), ms(self.x, "next_update"), list(self.x.extensions)
        self.usable = only(extensions, (x509.AuthorityKeyIdentifier, x509.IssuerAlternativeName)) and any(
            isinstance(one.value, x509.CRLNumber) and not one.critical for one in extensions)
        for entry in self.x:
            said, since = {type(one.value): one.value for one in entry.extensions}, ms(entry, "revocation_date")
            self.usable &= only(entry.extensions, (x509.CRLReason, x509.InvalidityDate))
            why = said[x509.CRLReason].reason.value if x509.CRLReason in said else "unspecified"
            if why in ("keyCompromise", "cACompromise", "aACompromise") and x509.InvalidityDate in said:
                since = min(since, ms(said[x509.InvalidityDate], "invalidity_date"))
            known = self.entries.get(entry.serial_number, (LATEST, False))
            self.entries[entry.serial_number] = min(known, (since, why == "certificateHold"))
def lies_within(one, base):
    if isinstance(base, x509.DirectoryName):
        return list(one.value.rdns)[:len(base.value.rdns)] == list(base.value.rdns)
    host = isinstance(base, x509.UniformResourceIdentifier) and re.fullmatch("[a-z]+://([a-z0-9.-]+)(/.*)?", one.value)
    return (host[1].endswith(base.value) if base.value[:1] == "." else host[1] == base.value) if host else None
def is_permitted(one, limits):
    out, into = ([lies_within(one, base) for base in bases or () if type(base) is type(one)]
                 for bases in (limits.excluded_subtrees, limits.permitted_subtrees))
    return all(lies is False for lies in out) and (not into or True in into)
class Trust:
    def __init__(self, registry, root, crls, grace=7 * DAY):
        self.registry, self.root, self.crls, self.grace = registry, root, crls, grace
        self.anchors = [(Cert(one[1]), one[2]) for one in registry.value[6]]
        need(root is None or any(cert.digest == root for cert, _ in self.anchors), 2003, "anchors: none that was pinned")
    def revocation(self, cert, issuer, at):
        if self.crls is None:  # whether the reader's own registrar is revoked is asked of what is judged
            return []
        lists = sorted((crl for crl in self.crls if crl.usable and crl.x.issuer == cert.issuer and signed_by(crl, issuer)),
                       key=lambda crl: crl.this) if issuer.lists else []
        told = ((crl.entries.get(cert.x.serial_number, (LATEST, False)), crl) for crl in lists)
        since = min((entry[0] for entry, crl in told if not entry[1] or crl is lists[-1]), default=LATEST)
        if since <= at:
            return [(False, 2005, f"revoked since {since}")]
        end = max((crl.next for crl in lists if crl.this <= cert.until and crl.next), default=None)
        late = end and at > end and (at > end + self.grace or cert.since > end)
        return [(end, 2006, "no list of its issuer"), (not late, 2018, "stale list")]
    def judge(self, chain, anchor, speaks_for, role, at):
        asked, constraints, length, issuer, leaf = [], [], 8, anchor, chain[0]
        usage = DVCS if role == "ttp" else SIGNING
        for cert in [anchor, *reversed(chain)]:
            asked += [(cert.since <= at < cert.until + 1000, 2004, "validity", "EXPIRED" if at >= cert.since else "NOT_YET_VALID"),
                      (only(cert.extensions, PROCESSED), 2003, "a critical extension")]
            asked += self.revocation(cert, issuer, at) if cert is not anchor else []
            names = cert.names + ([x509.DirectoryName(cert.subject)] if list(cert.subject) else [])
            if cert is leaf or cert.subject != cert.issuer:
                asked += [(is_permitted(one, limits), 2003, "name constraints") for limits in constraints for one in names]
            if cert is not leaf:
                length -= cert is not anchor and cert.subject != cert.issuer
                asked += [(cert.is_ca and cert.issues and length >= 0, 2003, "an issuer that is no authority here"),
                          (cert is anchor or cert.usages is None or {usage, ANY} & cert.usages, 2003, "issuer's key usage")]
                length = min(length, 8 if cert.length is None else cert.length)
                constraints += [cert.limits] * bool(cert.limits)
            issuer = cert
        asked += [(usage in (leaf.usages or ()) and leaf.signs and not leaf.is_ca, 2008, "key usage")]
        try:
            who, what = leaf.identity()
            asked += [(what.split("/")[0] == role, 2008, "role"),
                      (any(within(who, one) for one in speaks_for), 2003, "an agency that the anchor does not speak for")]
            if what in PRIVILEGED:
                listed = {1: f"ogic://{who}/{what}", 2: leaf.key_id} in self.registry.value[7]
                asked += [(anchor.digest == self.root, 2008, "an anchor that issues no privileged roles"),
                          (listed, 2010, "a key that the registry does not list for the role")]
        except Flaw as flaw:
            asked += [(False, flaw.code, flaw)]
        return max((Flaw(*rest) for holds, *rest in asked if not holds), key=Flaw.of_path, default=None)
    def path(self, leaf, above, role, at):
        tried, tips, no_path = [], [[leaf]], Flaw(2006, "no path to an anchor")
        no_path.sub = "NO_CERTIFICATE_CHAIN_FOUND"
        while tips:
            chain = tips.pop()
            signers = lambda certs: [cert for cert in certs if chain[-1].issuer == cert[0].subject and signed_by(chain[-1], cert[0])]
            tried += [self.judge(chain, anchor, speaks_for, role, at) for anchor, speaks_for in signers(self.anchors)]
            if None in tried:
                return
            met = [(one.subject, one.key_id) for one in chain]
            tips += [chain + [one] for one, in signers((one,) for one in above if len(chain) < 8)
                     if (one.subject, one.key_id) not in met]
        raise max(tried, key=lambda flaw: (flaw.code == 2005, flaw.of_path()[0] == OPEN, flaw.of_path()[1]),
                  default=no_path)
    def opened(self, signed, cert, above, at):
        who, role = cert.identity()
        need(role.split("/")[0] == signed.role, 2008, f"{role} signs no {signed.kind}")
        signed.holds(cert)
        end = self.registry.value[4]
        need(at <= end or at <= end + 7 * DAY and cert.since <= end, 2014, "a registry past its life")
        self.path(cert, above, signed.role, at)
        need(role in PRIVILEGED or any(who == member[1] for member in self.registry.value[5]), 2017, f"{who} is no member")
        return who
