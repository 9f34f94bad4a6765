#!/usr/bin/env python3
"""A second verifier of capsules, extracts, receipts, checkpoints, evidence, from docs/PROTOCOL.md alone.

Arguments and exit codes are those of `ogic verify`: 0 passed, 5 failed, 6 undecidable, 2 no file of these
kinds. It needs Python 3.11 and the package `cryptography` (43 or later), and shares nothing with the code
that it checks: where the two disagree about a file, one of them or the page is wrong. Each part names the
page's sections that it is made of; codes, kinds, sub-indications and policy are read from the page itself."""
import argparse, base64, datetime, functools, hashlib, ipaddress, json, pathlib, re, struct, sys
import time, tomllib
from types import SimpleNamespace as Named
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

PASSED, OPEN, FAILED = range(3)
KIB, MIB, DAY, LATEST = 1 << 10, 1 << 20, 86400000, 253402300800000
PAGE = pathlib.Path(__file__).resolve().parent.parent.joinpath("docs/PROTOCOL.md").read_text("utf-8")
CODES = {int(number): sentence for number, sentence in re.findall(r"^\| (\d{4}) \|.*\| (.*) \|$", PAGE, re.M)}
SUBS = {"", *re.findall("`([A-Z_]+)`", re.search(r"Sub-indications are(.*?)\.\s", PAGE, re.S)[1])}
class Flaw(Exception):
    """What does not hold. The sub-indication is that of a path; the verdict is set by whoever can tell."""
    def __init__(self, code, sub="CHAIN_CONSTRAINTS_FAILURE", verdict=None):
        super().__init__(f"{code}: {CODES[code]}")
        self.code, self.sub, self.verdict = code, sub, verdict
def need(holds, flaw):
    if not holds:
        raise flaw if isinstance(flaw, Flaw) else Flaw(flaw)
    return holds
def guarded(code, act, *args):
    """The errors of libraries about bytes from outside are of many kinds."""
    try:
        return act(*args)
    except Exception as error:
        raise error if isinstance(error, Flaw) else Flaw(code) from error
def flaw_of(act, *args):
    try:
        act(*args)
    except Flaw as flaw:
        return flaw
def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

# "Notation and common types": deterministic CBOR is what is encoded again to the same bytes.
def encoded(v):
    def head(major, n):
        width = next(width for width in range(5) if n < (24, 1 << 8, 1 << 16, 1 << 32, 1 << 64)[width])
        return bytes([major << 5 | (23 + width if width else n)]) + (n.to_bytes(1 << width - 1) if width
            else b"")
    if type(v) in (bytes, str):
        return head(2, len(v)) + v if type(v) is bytes else head(3, len(v.encode())) + v.encode()
    if type(v) is list:
        return head(4, len(v)) + b"".join(map(encoded, v))
    if type(v) is dict:
        return head(5, len(v)) + b"".join(sorted(encoded(key) + encoded(one) for key, one in v.items()))
    if type(v) is int:
        return head(0, v) if v >= 0 else head(1, -1 - v)
    return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[v]
def cbor(data, items=4096, depth=8):
    def item(at, level):
        """The item that begins there, and where it ends."""
        nonlocal items
        items, major, n, at = need(items, 1002) - 1, data[at] >> 5, data[at] & 31, at + 1
        if n > 23:
            n, at = int.from_bytes(data[at:at + (1 << n - 24)]), at + (1 << n - 24)
        if major in (2, 3):
            return data[at:at + n] if major == 2 else data[at:at + n].decode(), at + n
        if major in (4, 5):
            parts = need(level < depth, 1002) and []
            while len(parts) < n * (major - 3):
                part, at = item(at, level + 1)
                parts.append(part)
            return parts if major == 4 else dict(zip(parts[::2], parts[1::2])), at
        return {0: n, 1: -1 - n, 7: {20: False, 21: True}.get(n)}[major], at
    v, end = guarded(1001, item, 0, 0)
    return need(end == len(data) and encoded(v) == data, 1001) and v

# The forms that the page has in CDDL.
def a(kind, test=lambda v: True):
    return lambda v: type(v) is kind and bool(test(v))
LABEL = "(?!-)[a-z0-9-]{1,63}(?<!-)"
ATOMS = {
    "bytes": a(bytes), "string": a(str), "bool": a(bool), "int": a(int), "none": a(dict, lambda v: not v),
    "sub": a(str, SUBS.__contains__), "code": a(int, {0, *CODES}.__contains__), "record": a(bytes,
        lambda v: leaf(v, "record")),
    "identity": a(str, lambda v: identity(v)), "origin": a(str, lambda v: log_of(v)),
    "endpoint": a(str, lambda v: is_endpoint(v)),
    "agency": a(str, lambda v: len(v) < 254 and re.fullmatch(rf"{LABEL}(\.{LABEL})+", v)),
    "role": a(str, lambda v: re.fullmatch(f"node|seal|ttp|tsa|ocsp|registry|authority|official/{LABEL}", v)),
    "word": a(str, lambda v: re.fullmatch(LABEL.replace("63", "64"), v)),
    "line": a(str, lambda v: v.strip() and len(v.encode()) <= KIB and not re.search("[\0-\x1f\x7f-\x9f]", v)),
    "label": a(str, lambda v: fits("line", v) and fits("text0..255", v)),
    "times": a(dict, lambda v: {*v} <= {1, 2, 3} and all(fits("instant", one) for one in v.values())),
    "fields": a(dict, lambda v: all(fits("name", key) and fits("field", one) for key, one in v.items())),
    "field": lambda v: type(v) in (str, bool) or type(v) is int and -1 << 63 <= v < 1 << 63}
# `name:` are for the keys 1, 2, 3 and so on, `name=` for themselves; without, it is an array, or an alias.
FORMS = {name: parts for name, parts in re.findall(r"(\w+)\s+=\s+([^;]+);", """
    digest = bytes32..32; text = text0..1024; name = text0..64; instant = 0..253402300799999; kind =
    1..16; uint = 0..18446744073709551615; head = uint digest; verdict = 0..2 sub code; mandate = agency
    role; event = case:digest? head:head? kind:kind step:name? at:instant size:33..65536 commitment:digest
    approval:digest? grant:digest? code:uint times:times; approval = case:digest? kind:kind step:name?
    commitment:digest; open = service:digest citizen:text; unshare = grant:digest reason:text; reason =
    reason:text; share = to:agency read:bool steps:name* purpose:text ground:text performer:text
    deadline:instant? expires:instant; judged = event:digest own:verdict evidence:bytes?; release =
    to:agency offer:digest accept:digest; taken = former:agency notice:bytes; pair = text text; check =
    text name bool; input = text0..32 digest bytes?; document = sha:digest root:digest bytes:uint
    label:text0..255 media:text0..127; x5t = int digest; custody = case:digest header:bytes
    body:bytes0..65536 records:record*2 at:instant to:agency opening:bytes; evidence = requester:agency
    nonce:bytes16..16 event:digest approval:digest? at:instant source:text policy:digest mandate:mandate?
    verdict:verdict checks:check* inputs:input*; registry = federation:agency version:uint at:instant
    expires:instant members:member*4096 anchors:anchor*64 privileged:key*256 services:digest*4096; anchor
    = der:bytes hosts:agency*4096; member = id:agency en:text ru:text level:1..4 parent:agency?
    endpoints:text*32 logs:text*32 competences:pair*32; key = identity:identity key:digest; placed = uint
    bytes; section = 1..7 digest; capsule = case:digest home:agency at:instant sections:section*65536;
    shown = bytes bytes? bytes?; extract = bytes0..4194304 bytes*64 bytes*16; sign1 = bytes none bytes
    bytes; receipt = bytes0..4096 placed*512 digest* placed*512 digest*; title = en=line ru=line;
    definition = id=word version=1..9223372036854775807 title=title step=step*32 appeal=title~; step =
    id=word title=title performer=word deadline_working_days=1..520 after=string*~ inputs=entry*32~
    documents=label*16~ on_silence=remind|escalate|grants~ visible_to=citizen|performers*~ optional=bool~
    opening=bool~ refuses=bool~; entry = name=word type=text|int|bool required=bool~; reference =
    case:digest home:agency grant:digest to:agency read:bool steps:name* purpose:text ground:text
    performer:text deadline:instant? expires:instant at:instant service:digest head:head opening:bytes;
    refusal = id:digest code:uint field:text head:head? at:instant; notice = case:digest event:digest
    verdict:verdict head:head at:instant evidence:bytes?; announcement = endpoints:endpoint*8
    origin:origin at:instant;""")}
def fits(form, v):
    """`?` may be null, `~` left out, `*n` is an array of at most n, `a..b` are bounds of number or size."""
    if v is None and form[-1] == "?":
        return True
    form, is_many, most = form.rstrip("?~").partition("*")
    if is_many:
        return type(v) is list and len(v) <= int(most or MIB) and all(fits(form, one) for one in v)
    if bounds := re.fullmatch(r"(bytes|text|)(\d+)\.\.(\d+)", form):
        kind = {"bytes": bytes, "text": str, "": int}[bounds[1]]
        size = v if type(v) is int else type(v) is kind and len(v.encode() if kind is str else v)
        return type(v) is kind and int(bounds[2]) <= size <= int(bounds[3])
    if form in ATOMS or "|" in form:
        return ATOMS[form](v) if form in ATOMS else v in form.split("|")
    parts = [re.split("[:=]", part) for part in FORMS[form].split()]
    if len(parts[0]) == 1:
        is_row = type(v) is list and len(v) == len(parts)
        return fits(*parts[0], v) if len(parts) == 1 else is_row and all(map(fits, *zip(*parts), v))
    kinds = dict(parts) if "=" in FORMS[form] else {nth: kind for nth, (_, kind) in enumerate(parts, 1)}
    return (type(v) is dict and all(key in v or kind[-1] == "~" for key, kind in kinds.items())
            and all(key in kinds and fits(kinds[key], one) for key, one in v.items()))
def read(form, v):
    """A map's values by their names, an array as it is."""
    names = need(fits(form, v), 1003) and re.findall("([a-z]+):", FORMS[form])
    return Named(**dict(zip(names, v.values()))) if names else v

# "Identities", "Signed objects", "Algorithms", "Checkpoint".
def identity(uri):
    host, _, role = uri[7:].partition("/")
    return need(uri[:7] == "ogic://" and fits("agency", host) and fits("role", role), 1009) and (host, role)
def is_privileged(role):
    return role.split("/")[0] not in ("node", "seal", "official")
def within(name, parent):
    return name == parent or name.endswith("." + parent)
RSA, EC, ED = rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey
SHA2 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()
ALGORITHMS = {-8: (ED, None), -7: (EC, SHA2[0]), -35: (EC, SHA2[1]),
              **{-37 - n: (RSA, SHA2[n]) for n in range(3)}}
ROWS = re.findall(r"application/vnd\.ogic\.(\S+)` \| ([^|]+) \| (yes|–) \| (\d+) ([KM])iB \|\n", PAGE)
KINDS = {kind: (re.findall("seal|official|ttp|registry", who), [33] if chain == "yes" else [],
                int(size) * (KIB if unit == "K" else MIB)) for kind, who, chain, size, unit in ROWS}
class Signed:
    """A COSE_Sign1 by the table of kinds; `v` is its payload."""
    def __init__(self, data, kind=None):
        self.bytes, self.digest = need(data[:1] == b"\xd2" and len(data) <= 4 * MIB, 1001) and data, sha(data)
        self.protected, _, self.payload, self.signature = read("sign1", cbor(data[1:], 64, 4))
        head = cbor(self.protected, 32, 4)
        need(type(head) is dict and type(head.get(1)) is int and type(head.get(3)) is str, 1001)
        self.alg, self.kind = head[1], head[3].removeprefix("application/vnd.ogic.")
        need(self.alg in ALGORITHMS, 2009)
        need(self.kind in KINDS and self.kind != head[3] and kind in (None, self.kind), 1004)
        self.roles, chain, most = KINDS[self.kind]
        need([*head] == [1, 3, *chain, 34] and fits("x5t", head[34]) and len(data) <= most, 1001)
        self.signer, self.chain = need(head[34][0] == -16, 1001) and head[34][1], head.get(33, [])
        need(not chain or fits("bytes*8", self.chain) and sha(*self.chain[:1]) == self.signer, 1001)
        self.v = payload(self.kind, self.payload)
    def holds(self, cert):
        """Sig_structure (RFC 9052 4.4), by the algorithm that is the key's."""
        (kind, sha2), signature, how = ALGORITHMS[self.alg], self.signature, ()
        size, said = sha2 and sha2.digest_size, encoded(["Signature1", self.protected, b"", self.payload])
        need(isinstance(cert.key, kind) and (kind is not EC or cert.key.key_size == 8 * size), 2009)
        if kind is RSA:
            how = padding.PSS(padding.MGF1(sha2), size), sha2
        elif kind is EC:
            halves, how = (signature[:size], signature[size:]), (ec.ECDSA(sha2),)
            need(len(signature) == 2 * size, 2001)
            signature = utils.encode_dss_signature(*map(int.from_bytes, halves))
        guarded(2001, cert.key.verify, signature, said, *how)
def payload(kind, data):
    """What no form says is from "Event", "Registry", "Evidence", "Service definition" and "Capsule"."""
    if kind in ("checkpoint", "service+toml"):
        text = need(len(data) <= 60 * KIB, 1002) and guarded(1001, str, data, "utf-8")
        return checkpoint(text) if kind == "checkpoint" else text
    items = {"registry+cbor": 64 * KIB, "capsule+cbor": 192 * KIB + 64}.get(kind, 4096)
    v = read({"verdict+cbor": "notice"}.get(kind, kind.removesuffix("+cbor")), cbor(data, items))
    if kind == "event+cbor":
        need((v.kind == OPENING) == (v.case is None) == (v.head is None), 1003)
        need(v.kind != STEP or v.step is not None, 1003)
        need(v.code in {STEP: range(3), CLOSE: range(1, 6)}.get(v.kind, (0,)), 1003)
    elif kind == "registry+cbor":
        ids = [member[1] for member in v.members]
        need(ids == sorted({*ids}) and all(within(one, v.federation) for one in ids), 1003)
        need(v.at < v.expires and all(is_privileged(identity(key[1])[1]) for key in v.privileged), 1003)
    elif kind == "evidence+cbor":
        need(all(sha(data) == digest for _, digest, data in v.inputs if data is not None), 2011)
    elif kind == "capsule+cbor":
        need(v.sections == sorted(v.sections, key=lambda section: section[0]), 1003)
    need(kind != "custody+cbor" or v.records, 1001)
    return v
def log_of(origin):
    """The agency whose log it is."""
    said = re.fullmatch("([^/]+)/log/[0-9a-f]{32}/(0|[1-9][0-9]{0,19})", origin)
    return said and fits("agency", said[1]) and int(said[2]) < 1 << 64 and said[1]
def is_endpoint(text):
    host, port = text.rpartition(":")[0], text.rpartition(":")[2]
    address = guarded(1003, ipaddress.ip_address, host.removeprefix("[").removesuffix("]"))
    is_canonical = text == (f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}")
    is_port = re.fullmatch("[1-9][0-9]{0,4}", port) and int(port) < 65536
    return is_canonical and is_port and not (address.is_unspecified or address.is_multicast)
def checkpoint(lines):
    count, root = "(0|[1-9][0-9]{0,19})", "([A-Za-z0-9+/]{43}=)"
    said = need(re.fullmatch(f"(.*)\n{count}\n{root}\nheads {count} {root}\n", lines), 1001)
    (size, count), (root, heads) = map(int, said.group(2, 4)), map(base64.b64decode, said.group(3, 5))
    need([base64.b64encode(one).decode() for one in (root, heads)] == [said[3], said[5]], 1001)
    need((size or root == sha()) and (count or heads == sha()) and max(size, count) < 1 << 64, 1001)
    return Named(agency=need(log_of(said[1]), 1001), size=size, root=root, count=count, heads=heads)

# "Leaves of a log", "Receipt frame", and steps 1 and 3 to 5 of "A receipt".
LEAVES = {"record": ("32sQ32sQ32s", "case seq prev at event"), "access": ("32sQ32s", "look at commitment"),
          "notice": ("32sQ", "notice at"), "head": ("32sQ32sQ", "case seq record place")}
def leaf(data, *kinds):
    kind = data[5:].partition(b" ")[0].decode("latin")
    (layout, names), prefix = need(kind in kinds and LEAVES[kind], 1001), f"ogic {kind} 1".encode()
    layout = struct.Struct(f">{len(prefix)}s{layout}")
    need(data.startswith(prefix) and len(data) == layout.size, 1001)
    v = Named(case=None, at=0, digest=sha(b"\0", data))
    vars(v).update(zip(names.split(), layout.unpack(data)[1:]))
    return need(v.at < LATEST and (kind != "record" or (v.seq == 0) == (v.prev == bytes(32))), 1003) and v
def root_of(start, end, shown, rest):
    """RFC 9162 2.1, from the leaves that are shown and digests for what lies between."""
    if not shown or end - start == 1:
        return shown[0][1] if shown else next(rest, b"")
    middle = start + (1 << (end - start - 1).bit_length() - 1)
    return sha(b"\1", root_of(start, middle, [one for one in shown if one[0] < middle], rest),
               root_of(middle, end, [one for one in shown if one[0] >= middle], rest))
class Receipt:
    def __init__(self, data):
        need(len(data) <= 255 * KIB, 1002)
        self.cose, leaves, proof, heads, heads_proof = read("receipt", cbor(data, 16 * KIB))
        self.proofs, pairs = (proof, heads_proof), [*zip(leaves, leaves[1:]), *zip(heads, heads[1:])]
        need(leaves and all(one[0] < other[0] for one, other in pairs), 1001)
        self.leaves = {index: leaf(one, "record", "access", "notice") for index, one in leaves}
        self.heads = {index: leaf(one, "head") for index, one in heads}
    def holds(self, log):
        """Under its checkpoint."""
        both, last = [(self.leaves, log.size, log.root), (self.heads, log.count, log.heads)], {}
        for (shown, size, root), proof in zip(both, self.proofs):
            digests, rest = [(index, one.digest) for index, one in shown.items()], iter(proof)
            is_root = not shown or max(shown) < size and root_of(0, size, digests, rest) == root
            need(is_root and next(rest, None) is None, 2012)
        for index, one in self.leaves.items():
            if one.case:
                _, before = last.get(one.case, (0, Named(seq=-1, digest=one.prev)))
                step, last[one.case] = one.seq - before.seq, (index, one)
                need(step > 1 or step == 1 and one.prev == before.digest, 2016)
        cases = [head.case for head in self.heads.values()]
        need(cases == sorted({*cases}), 2016)
        for head in self.heads.values():
            there, (index, newest) = self.leaves.get(head.place), last.get(head.case, (-1, None))
            is_it = there and there is newest and (there.digest, there.seq) == (head.record, head.seq)
            is_newer = not newest or newest.seq < head.seq and index < head.place
            need(is_it if there else is_newer and head.place < log.size, 2016)

# "A path", and RFC 5280 4.2, 5 and 6.1.
PRIME, EIGHTH = (1 << 255) - 19, 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826
PROCESSED = {x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName,
             x509.NameConstraints, x509.IssuerAlternativeName, x509.CRLDistributionPoints,
             x509.CertificatePolicies}
def ms(when):
    return when and round(when.timestamp()) * 1000
def said_by(x, known):
    """What its extensions say by type, and whether all that are critical are known."""
    said = {type(one.value): one.value for one in x.extensions}
    return said, {type(one.value) for one in x.extensions if one.critical} <= known
def same_algorithm(der, tbs):
    """RFC 5280 4.1.1.2 and 5.1.1.2: what the signature says outside, the signed part says too."""
    outside = der[der.index(tbs) + len(tbs):]
    need(outside[:2 + outside[1]] in tbs[:64], 1001)
class Certificate:
    most, usage = 16 * KIB, Named(digital_signature=1, content_commitment=1, key_cert_sign=1, crl_sign=1)
    def __init__(self, der):
        x = self.x = x509.load_der_x509_certificate(der)
        need(x.version is x509.Version.v3 and not same_algorithm(der, x.tbs_certificate_bytes), 1001)
        self.der, self.digest, self.subject, self.issuer = der, sha(der), x.subject, x.issuer
        self.since, self.until, key = ms(x.not_valid_before_utc), ms(x.not_valid_after_utc), guarded(2009,
            x.public_key)
        self.said, self.is_processed = said_by(x, PROCESSED)
        basic, self.usage = self.said.get(x509.BasicConstraints), self.said.get(x509.KeyUsage, self.usage)
        self.is_ca, self.length = basic and basic.ca, 8
        if basic and basic.path_length is not None:
            self.length = basic.path_length
        self.names = [*self.said.get(x509.SubjectAlternativeName, ())]
        self.usages = {one.dotted_string for one in self.said.get(x509.ExtendedKeyUsage, ())}
        self.key, spki = key, serialization.PublicFormat.SubjectPublicKeyInfo
        self.key_id = sha(key.public_bytes(serialization.Encoding.DER, spki))
        if isinstance(key, ED):
            y = int.from_bytes(key.public_bytes_raw(), "little") % (1 << 255)
            need(y < PRIME and y not in (0, 1, PRIME - 1, EIGHTH, PRIME - EIGHTH), 2010)
        is_curve = isinstance(key, EC) and key.curve.name in ("secp256r1", "secp384r1")
        need(isinstance(key, ED) or is_curve or isinstance(key, RSA) and 2048 <= key.key_size <= 8192, 2010)
    def identity(self):
        need(len(self.names) == 1 and isinstance(self.names[0], x509.UniformResourceIdentifier), 1009)
        return identity(self.names[0].value)
class RevocationList:
    most = 4 * MIB
    def __init__(self, der):
        x = self.x = x509.load_der_x509_crl(der)
        same_algorithm(der, x.tbs_certlist_bytes)
        self.der, self.digest, self.issuer = der, sha(der), x.issuer
        self.this, self.next = ms(x.last_update_utc), ms(x.next_update_utc)
        said, is_processed = said_by(x, {x509.AuthorityKeyIdentifier, x509.IssuerAlternativeName})
        entries = [said_by(entry, {x509.CRLReason, x509.InvalidityDate}) for entry in x]
        self.is_usable = is_processed and x509.CRLNumber in said and all(known for _, known in entries)
    def revokes(self, cert):
        """From when on, and whether it is a hold."""
        entry = self.x.get_revoked_certificate_by_serial_number(cert.x.serial_number)
        said, since = (said_by(entry, set())[0], ms(entry.revocation_date_utc)) if entry else ({}, LATEST)
        why = said[x509.CRLReason].reason.name if x509.CRLReason in said else ""
        if x509.InvalidityDate in said and "compromise" in why:
            since = min(since, ms(said[x509.InvalidityDate].invalidity_date_utc))
        return since, why == "certificate_hold"
@functools.lru_cache(None)
def parsed(kind, der):
    return need(len(der) <= kind.most, 1002) and guarded(1001, kind, der)
certificate = functools.partial(parsed, Certificate)
revocation_list = functools.partial(parsed, RevocationList)
@functools.lru_cache(None)
def is_issued(one, issuer):
    sha2 = one.x.signature_hash_algorithm
    if one.issuer != issuer.subject or sha2 and sha2.name not in [known.name for known in SHA2]:
        return False
    if isinstance(one, Certificate):
        return not flaw_of(guarded, 2001, one.x.verify_directly_issued_by, issuer.x)
    return issuer.usage.crl_sign and one.x.is_signature_valid(issuer.key)
def is_permitted(name, limits):
    """RFC 5280 4.2.1.10, for URIs and directory names; of other names with limits nothing is known."""
    def lies_within(base):
        if isinstance(base, x509.DirectoryName):
            return [*name.value.rdns][:len(base.value.rdns)] == [*base.value.rdns]
        if not isinstance(base, x509.UniformResourceIdentifier):
            return None
        host = re.sub("^[a-z]+://([a-z0-9.-]+)(/.*)?$", r"\1", name.value)
        return host.endswith(base.value) if base.value[:1] == "." else host == base.value
    out, into = ([lies_within(base) for base in bases or () if type(base) is type(name)]
                 for bases in (limits.excluded_subtrees, limits.permitted_subtrees))
    return all(lies is False for lies in out) and (not into or True in into)
class Trust:
    def __init__(self, registry, root, crls, grace=7 * DAY):
        self.registry, self.root, self.crls, self.grace = registry, root, crls, grace
        self.anchors = [(certificate(der), hosts) for der, hosts in map(dict.values, registry.v.anchors)]
        self.members = [member[1] for member in registry.v.members]
        need(root is None or root in [anchor.digest for anchor, _ in self.anchors], 2003)
    def revocation(self, cert, issuer, at):
        lists = sorted((one for one in self.crls if one.is_usable and is_issued(one, issuer)),
                       key=lambda one: one.this)
        told = [(one, *one.revokes(cert)) for one in lists]
        end = max((one.next for one in lists if one.this <= cert.until and one.next), default=None)
        yield all(since > at for one, since, is_hold in told if not is_hold
                  or one is lists[-1]), 2005, "REVOKED"
        yield end, 2006, "TRY_LATER"
        yield not end or at <= end or at <= end + self.grace and cert.since <= end, 2018, "TRY_LATER"
    def checks(self, chain, anchor, hosts, role, at):
        """From the anchor down: what must hold, and the flaw if it does not; without lists none is asked."""
        limits, length, issuer, target = [], 8, anchor, chain[0]
        usage = "1.3.6.1.5.5.7.3.10" if role == "ttp" else "1.3.6.1.5.5.7.3.36"
        for cert in [anchor, *reversed(chain)]:
            yield cert.since <= at, 2004, "NOT_YET_VALID"
            yield at < cert.until + 1000, 2004, "EXPIRED"
            if cert is not anchor and self.crls is not None:
                yield from self.revocation(cert, issuer, at)
            is_own = cert.subject == cert.issuer
            names = cert.names + ([x509.DirectoryName(cert.subject)] if [*cert.subject] else [])
            is_kept = all(is_permitted(name, some) for name in names for some in limits)
            yield cert.is_processed and (is_kept or is_own and cert is not target), 2003
            if cert is not target:
                length -= not is_own and cert is not anchor
                covers = cert is anchor or not cert.usages or cert.usages & {usage, "2.5.29.37.0"}
                yield cert.is_ca and cert.usage.key_cert_sign and covers and length >= 0, 2003
                length, issuer = min(length, cert.length), cert
                limits += [cert.said[x509.NameConstraints]] if x509.NameConstraints in cert.said else []
        who, what = target.identity()
        signs = target.usage.digital_signature or target.usage.content_commitment
        yield usage in target.usages and signs and not target.is_ca and what.split("/")[0] == role, 2008
        yield any(within(who, one) for one in hosts), 2003
        yield not is_privileged(what) or anchor.digest == self.root, 2008
        listed = {1: f"ogic://{who}/{what}", 2: target.key_id} in self.registry.v.privileged
        yield not is_privileged(what) or listed, 2010
    def path(self, target, above, role, at):
        """Every path is tried; of flaws a revoked target tells most, then what further data could settle."""
        def judged(chain, anchor, hosts):
            flaws = [Flaw(*rest) for holds, *rest in self.checks(chain, anchor, hosts, role, at) if not holds]
            weights = {2005: 3, 2004: 2, 2006: 0, 2018: 0}
            need(not flaws, max(flaws, key=lambda flaw: weights.get(flaw.code, 1), default=None))
        tried, tips, none = [], [[target]], Flaw(2006, "NO_CERTIFICATE_CHAIN_FOUND")
        while tips:
            chain = tips.pop()
            anchors = [anchor for anchor in self.anchors if is_issued(chain[-1], anchor[0])]
            tried += [flaw_of(judged, chain, *anchor) for anchor in anchors]
            more = [one for one in above if one not in chain and is_issued(chain[-1], one)]
            tips += [chain + [one] for one in more if len(chain) < 8]
        if None not in tried:
            raise max(tried, key=lambda flaw: {2005: 3, 2006: 2, 2018: 2}.get(flaw.code, 1), default=none)
    def opens(self, signed, known, at, path_first):
        cert = known[signed.signer]
        end, (who, role) = self.registry.v.expires, cert.identity()
        lives = at <= end or at <= end + 7 * DAY and cert.since <= end
        need(lives or path_first, 2014)
        self.path(cert, known.values(), role.split("/")[0], at)
        need(lives, 2014)
        need(is_privileged(role) or who in self.members, 2017)
def registrar(registry, root, crls):
    """"The reader's registry"."""
    (signer, *above), trust = map(certificate, registry.chain), Trust(registry, root, crls)
    trust.anchors = [(anchor, hosts) for anchor, hosts in trust.anchors if anchor.digest == root]
    registry.holds(signer)
    trust.path(signer, above, "registry", registry.v.at)

# "A signed object", "Time and revocation".
class Judge:
    """By the certificates at hand. Codes of `undecided` are of what more data may settle."""
    def __init__(self, trusts, certs, now, undecided):
        self.trusts, self.now, self.undecided = trusts, now, undecided
        self.certs = {one.digest: one for one in certs}
    def judge(self, signed, at):
        """Whose it is, if the signature holds, and the flaw, if there is one."""
        known, who = self.certs | {one.digest: one for one in map(certificate, signed.chain)}, None
        try:
            agency, role = need(known.get(signed.signer), 2002).identity()
            need(role.split("/")[0] in signed.roles, 2008)
            signed.holds(known[signed.signer])
            who = agency
            flaws = [flaw_of(trust.opens, signed, known, at, 2017 in self.undecided)
                     for trust in need(self.trusts, 2006)]
            need(not flaws[0] or flaws[0].code in (2010, 2017) and None in flaws, flaws[0])
        except Flaw as flaw:
            flaw.verdict = OPEN if flaw.code in self.undecided else FAILED
            return who, flaw
        return who, None
    def own(self, signed, at, made):
        """Of what tells itself when it was made, or proves what does."""
        def is_revoked(when):
            return getattr(self.judge(signed, when)[1], "code", 0) == 2005
        who, flaw = self.judge(signed, at)
        if flaw and (flaw.code == 2004 or flaw.code == 2005 and not (made is not None and is_revoked(made))):
            flaw.verdict = OPEN
        return who, Flaw(2005, verdict=OPEN) if not flaw and is_revoked(self.now) else flaw

# "Service definition".
OPENING, STEP, NOTE, SHARE, UNSHARE, EVIDENCE, CLOSE = 1, 2, 3, 4, 5, 6, 8
OFFER, ACCEPT, DECLINE, RELEASE, TAKEN = CUSTODY = range(11, 16)
def definition(toml):
    v = guarded(1001, tomllib.loads, toml)
    absent = dict.fromkeys(("after", "inputs", "documents", "visible_to"), [])
    absent |= dict.fromkeys(("optional", "opening", "refuses"))
    steps = {one["id"]: Named(**absent | one) for one in need(fits("definition", v), 1003) and v["step"]}
    reached, all_steps = set(), steps.values()
    for _ in steps:
        reached |= {id for id, one in steps.items() if reached >= {*one.after}}
    lists = [(one.after, one.documents, one.visible_to, [entry["name"] for entry in one.inputs])
             for one in all_steps]
    need(steps and len(reached) == len(v["step"]) and sum(one.opening is True for one in all_steps) < 2, 1003)
    need(all(len({*some}) == len(some) for four in lists for some in four), 1003)
    need(all(one.optional or not any(steps[id].optional for id in one.after) for one in all_steps), 1003)
    need(all(one.performer == "home" and not one.after for one in all_steps if one.opening), 1003)
    need("appeal" in v or not any(one.refuses for one in all_steps), 1003)
    return steps, "appeal" in v
def is_filled(step, e, is_done):
    for one in step.inputs:
        value, needed = e.fields.get(one["name"]), is_done and one.get("required")
        is_right = not needed if value is None else type(value).__name__ == one["type"].replace("text", "str")
        if not is_right or needed and not str(value).strip():
            return False
    return not is_done or {*step.documents} <= {one[4] for one in e.documents}

# "The fold".
HELD, PENDING, NONE = "held", "pending", "none"
class Fold:
    """`grants` are None once they have ended, `offer` is the one that stands."""
    def __init__(self, home, toml):
        (self.steps, self.appeal), self.home, self.done = definition(toml), home, set()
        self.grants, self.pending, self.effects, self.offer, self.head = {}, {}, {}, None, None
        self.moves, self.is_closed = 0, False
    def run(self, history):
        """What each event did, if everything is shown."""
        if any(e.who is None or e.body is None for e in history):
            return {}
        for e in history:
            waits = e.who != self.home and e.v.kind not in CUSTODY and (e.v.approval or e.documents)
            holds = self.may(e) and not (waits and len(self.pending) == 512)
            need(holds or self.head, 3011)
            if self.offer and not self.offer.released and e.v.kind not in (DECLINE, RELEASE):
                self.offer.accept = None
            self.effects[e.id] = NONE if not holds else PENDING if waits else HELD
            if self.effects[e.id] == HELD:
                self.take(e)
            self.pending |= {e.id: e} if self.effects[e.id] == PENDING else {}
            self.head = [e.record.seq, e.record.digest]
        return self.effects
    def acts(self, e, now):
        terms, step = self.grants.get(e.v.grant), e.v.step
        if e.who == self.home:
            return e.v.grant is None
        return terms and terms.to == e.who and now < terms.expires and terms.steps and (
            step is None or step in terms.steps)
    def is_open(self, v):
        return v.step not in self.done and self.done >= {*self.steps[v.step].after}
    def may(self, e):
        """Rules 1 and 3 to 11."""
        v, kind, d, now, offer, steps = e.v, e.v.kind, e.detail, e.record.at, self.offer, self.steps
        answers = ACCEPT, DECLINE, TAKEN
        mine = (SHARE, UNSHARE, EVIDENCE, CLOSE, OFFER, RELEASE) if e.who == self.home else answers
        is_answer = offer and offer.to == e.who and (kind == TAKEN or v.grant == offer.id)
        if kind == OPENING:
            first = [one for one in steps.values() if one.opening]
            return (e.who == self.home and v.grant is None and d.citizen.strip()
                    and v.step in [None] + [one.id for one in first]
                    and all(is_filled(one, e, True) for one in first))
        def may_grant():
            return (d.to != self.home and (d.read or d.steps) and d.purpose.strip() and d.ground.strip()
                    and len(self.grants) < 256
                    and all(id in steps and steps[id].performer != "home" for id in d.steps)
                    and now < d.expires <= now + 731 * DAY
                    and (not d.deadline or now < d.deadline <= d.expires))
        def may_close():
            ended = {one.v.step for one in self.pending.values() if one.v.kind == STEP and one.v.code == 1}
            needed = {id for id, one in steps.items() if not one.optional}
            may = self.done >= needed if v.code == 1 else self.appeal and d.reason.strip()
            return ended <= self.done and may
        rules = {STEP: lambda: self.is_open(v) and is_filled(steps[v.step], e, v.code == 1), SHARE: may_grant,
                 UNSHARE: lambda: self.grants.get(d.grant), EVIDENCE: lambda: self.verdict(d) is not None,
                 CLOSE: lambda: v.code > 2 or may_close(), DECLINE: lambda: d.reason.strip(),
                 OFFER: lambda: not offer and d.read and not d.steps and self.moves < 64 and may_grant(),
                 ACCEPT: lambda: not offer.accept and now < offer.expires,
                 RELEASE: lambda: offer and [d.to, d.offer, d.accept] == [offer.to, offer.id, offer.accept],
                 TAKEN: lambda: d.former == self.home and offer.released == self.head[1]}
        return (not self.is_closed and (kind in mine or kind in (STEP, NOTE))
                and (v.step is None or v.step in steps)
                and (is_answer if kind in answers else self.acts(e, now))
                and (kind in (DECLINE, TAKEN) or not (offer and offer.released))
                and (v.head == self.head or v.head[0] < self.head[0]
                     and kind not in (CLOSE, ACCEPT, RELEASE, TAKEN))
                and (kind not in CUSTODY or not (e.fields or e.documents or v.step))
                and (kind not in rules or rules[kind]()))
    def verdict(self, d):
        """The worse of both; that the evidence is about the event is the capsule's step 9."""
        e, said = self.pending.get(d.event), d.evidence and Signed(d.evidence, "evidence+cbor").v
        if not e or said and said.mandate and said.mandate[0] != e.who:
            return None
        return max(d.own[0], said.verdict[0]) if said else d.own[0] or None
    def take(self, e):
        kind, d, offer = e.v.kind, e.detail, self.offer
        self.done |= {e.v.step} if kind == STEP and e.v.code == 1 else set()
        self.done |= {one.id for one in self.steps.values() if one.opening}
        self.grants |= {e.id: d} if kind in (SHARE, OFFER) else {}
        ended = d.grant if kind == UNSHARE else offer.id if kind in (DECLINE, TAKEN) else None
        if ended:
            self.grants[ended], self.offer = None, None if offer and offer.id == ended else offer
        if kind == OFFER:
            self.offer = Named(id=e.id, to=d.to, expires=d.expires, accept=None, released=None)
        elif kind == ACCEPT:
            offer.accept = e.id
        elif kind == RELEASE:
            offer.released = e.record.digest
        elif kind == TAKEN:
            self.home, self.moves = e.who, self.moves + 1
        elif kind == CLOSE:
            self.effects |= dict.fromkeys(self.pending, NONE)
            self.pending, self.offer, self.is_closed = {}, None, True
        elif kind == EVIDENCE:
            verdict, act = self.verdict(d), self.pending.pop(d.event)
            is_step = act.v.kind == STEP
            holds = verdict == PASSED and self.acts(act, e.record.at) and (not is_step or self.is_open(act.v))
            self.effects[act.id] = HELD if holds else NONE
            self.done |= {act.v.step} if holds and is_step and act.v.code == 1 else set()

# "Evidence".
WEIGHT = {"FORMAT_FAILURE": 7, "HASH_FAILURE": 6, "SIG_CRYPTO_FAILURE": 6, "REVOKED": 5, "EXPIRED": 4,
          "NOT_YET_VALID": 4, "SIG_CONSTRAINTS_FAILURE": 3, "CHAIN_CONSTRAINTS_FAILURE": 2,
          "TRY_LATER": 0}
def replayed(v, near, root):
    """Steps 3 to 6, by policy 1: the flaws in the order of the table."""
    def inputs(kind, least=0, most=MIB):
        data = [near.get(digest) if data is None else data for one, digest, data in v.inputs if one == kind]
        return need(None not in data, 2006) and need(least <= len(data) <= most, 2019) and data
    need(v.policy == sha(re.search("```policy\n(.*?)```", PAGE, re.S)[1].encode()), 2006)
    (header,), approval, (registry,) = inputs("event", 1, 1), inputs("approval", 0), inputs("registry", 1, 1)
    need(len(approval) < 2, 2019)
    need([sha(header), *map(sha, approval)] == [one for one in (v.event, v.approval) if one], 2019)
    registry, lists = Signed(registry, "registry+cbor"), [*map(revocation_list, inputs("crl"))]
    registrar(registry, root, lists)
    known = {sha(der): certificate(der) for der in inputs("certificate")}
    trust, found = Trust(registry, None, lists, 0), []
    def holds(condition, sub, code=0, verdict=FAILED):
        return condition or found.append([verdict, sub, code])
    def judged(data, kind, event=None):
        """The object, and whose it is."""
        flaw = flaw_of(Signed, data, kind)
        if not holds(not flaw, "FORMAT_FAILURE", flaw and flaw.code):
            return None, None
        one = Signed(data, kind)
        cert = known.get(one.signer)
        holds(not event or covers(one.v, event), "SIG_CONSTRAINTS_FAILURE", 2020)
        if not holds(cert, "NO_SIGNING_CERTIFICATE_FOUND", 2002, OPEN):
            return one.v, None
        unproven, unpathed = flaw_of(one.holds, cert), flaw_of(trust.path, cert, known.values(), *one.roles,
            v.at)
        for flaw in filter(None, (unproven, unpathed)):
            sub = {2001: "SIG_CRYPTO_FAILURE", 2009: "CRYPTO_CONSTRAINTS_FAILURE"}.get(flaw.code, flaw.sub)
            found.append([OPEN if flaw.code in (2006, 2018) else FAILED, sub, flaw.code])
        who = None if flaw_of(cert.identity) else cert.identity()
        holds(not who or who[0] in trust.members, "SIG_CONSTRAINTS_FAILURE", 2017)
        return one.v, who
    holds(v.at <= registry.v.expires, "TRY_LATER", 2014, OPEN)
    event, mandate = judged(header, "event+cbor")
    if event and event.approval is None:
        holds(not approval, "SIG_CONSTRAINTS_FAILURE", 2020)
    elif event and holds(approval, "SIGNED_DATA_NOT_FOUND", 2020, OPEN) and holds(
            sha(*approval) == event.approval, "HASH_FAILURE", 2011):
        author, (_, mandate) = mandate, judged(approval[0], "approval+cbor", event)
        holds(not mandate or author and author[0] == mandate[0], "SIG_CONSTRAINTS_FAILURE", 2007)
    worst = max(found, key=lambda one: (one[0], WEIGHT.get(one[1], 1)), default=[PASSED, "", 0])
    need([v.verdict, v.mandate] == [worst, [*mandate] if mandate and not found else None], 2019)

# "Event", "Custody notice".
DETAILS = {OPENING: "open", SHARE: "share", UNSHARE: "unshare", EVIDENCE: "judged", CLOSE: "reason",
           OFFER: "share", DECLINE: "reason", RELEASE: "release", TAKEN: "taken"}
def body_of(data, kind):
    """Fields, documents, and the detail of the kind."""
    v, has_detail = cbor(data[32:]), kind in DETAILS
    need(type(v) is dict and [*v] == [1, 2, 3][:2 + has_detail] and fits("fields", v[1])
         and fits("document*32", v[2]), 1003)
    return v[1], v[2], read(DETAILS[kind], v[3]) if has_detail else None
def covers(approval, v):
    return [*vars(approval).values()] == [v.case, v.kind, v.step, v.commitment]
def released(data):
    """The notice of a release, its record, and its detail."""
    notice = Signed(data, "custody+cbor")
    v, event, opening = notice.v, *(Signed(one, "event+cbor") for one in (notice.v.header, notice.v.opening))
    need(event.v.kind == RELEASE and len(v.records) == 2 and opening.v.kind == OPENING, 1004)
    need(sha(b"ogic case 1" + opening.digest) == v.case, 2011)
    detail, (accept, release) = body_of(v.body, RELEASE)[2], [leaf(one, "record") for one in v.records]
    need((sha(v.body), len(v.body)) == (event.v.commitment, event.v.size) and not event.v.approval, 2011)
    need([release.event, accept.event] == [event.digest, detail.accept], 2011)
    need(event.v.case == release.case == accept.case == v.case, 2011)
    need([release.seq, release.prev] == [accept.seq + 1, accept.digest] and release.at >= accept.at, 2011)
    return need(event.v.head == [accept.seq, accept.digest], 3009) and (notice, release, detail)

# "Capsule", "Verification of a capsule".
MAGIC = b"ogic capsule 1\n"
PARTS = {1: 64 * KIB, 2: 16 * KIB, 3: 4 * MIB, 4: 4 * MIB, 5: 73917, 6: 255 * KIB, 7: 256 * MIB, 255: 4 * MIB}
class Capsule:
    """Ends with the first flaw that nothing will mend; what is undecided is kept, and it goes on."""
    def __init__(self, data, given, said):
        self.undecided, self.history, self.genuine, self.holder, self.said = [], [], {}, None, said
        self.sections(data)
        certs, lists = [*map(certificate, self.parts[2])], [*map(revocation_list, self.parts[3])] + given.crls
        trusts = [Trust(given.trust.registry, given.trust.root, lists)] if given.trust else []
        self.judge = Judge(trusts, certs, given.now, (2002, 2006, 2014, 2017, 2018))
        self.at(2, "manifest")
        manifest = Signed(self.parts[255][0], "capsule+cbor")
        self.case, self.home, self.made, listed = vars(manifest.v).values()
        self.now = given.at or self.made
        need(listed == self.listed[:-1], 2011)
        need(manifest.signer in self.judge.certs, 2002)
        self.at(3, "manifest")
        need(self.hold(manifest, own=self.made)[0] in (None, self.home), 2007)
        self.at(4, "registry")
        self.registry(Signed(self.parts[4][0], "registry+cbor"))
        for nth, section in enumerate(self.parts[5]):
            self.record(nth, section)
        need(self.holder in (None, self.home), 2007)
        self.at(5, "service")
        service, opening = Signed(self.parts[1][0], "service+toml"), self.history[0]
        need(not opening.body or opening.detail.service == service.digest, 2011)
        self.hold(service, min(opening.record.at, certificate(service.chain[0]).until))
        self.receipts(self.history[-1].record)
        misnamed = self.documents()
        self.at(11, "service")
        self.effects(Fold(opening.who, service.v).run(self.history), misnamed)
    def at(self, step, place):
        self.said["step"] = f"capsule {step}: {place}"
    def note(self, flaw):
        self.undecided += [(self.said["step"], flaw)] if flaw else []
    def sections(self, data):
        self.at(1, "sections")
        need(data[:15] == MAGIC, 1001)
        at, kind, self.parts, self.listed = 15, 0, {kind: [] for kind in PARTS}, []
        while kind != 255:
            before, kind, size = kind, *struct.unpack(">BI", data[at:at + 5].ljust(5, b"\0"))
            at, part = at + 5 + size, data[at + 5:at + 5 + size]
            need(kind in PARTS and kind >= before and size <= PARTS[kind] and at <= len(data), 1001)
            self.parts[kind].append(part)
            self.listed.append([kind, sha(part)])
        need(at == len(data) and len(self.listed) <= 64 * KIB + 1, 1001)
        need(len(self.parts[1]) == len(self.parts[4]) == 1 and self.parts[5] and self.parts[6], 1001)
    def hold(self, signed, at=None, own=None):
        """Whose it is, and whether it holds."""
        who, flaw = self.judge.judge(signed, at) if own is None else self.judge.own(signed, self.now, own)
        self.note(need(not flaw or flaw.verdict == OPEN, flaw) and flaw)
        return who, not flaw
    def registry(self, registry):
        if self.hold(registry, registry.v.at)[1]:
            mine = self.judge.trusts[0]
            need(mine.registry.v.version != registry.v.version or mine.registry.bytes == registry.bytes, 2016)
            if mine.root in [sha(anchor[1]) for anchor in registry.v.anchors]:
                self.judge.trusts.append(Trust(registry, mine.root, mine.crls))
    def record(self, nth, section):
        self.at(6, f"record {nth}")
        record = leaf(section[:125], "record")
        header, body, approval = read("shown", cbor(section[125:], 8, 2))
        event, approval = Signed(header, "event+cbor"), approval and Signed(approval, "approval+cbor")
        v, before = event.v, self.history[-1].record if nth else Named(digest=bytes(32), at=0)
        need([record.case, record.seq, record.event] == [self.case, nth, event.digest], 2011)
        need(record.prev == before.digest and before.at <= record.at <= self.made, 2011)
        need(body is None or (sha(body), len(body)) == (v.commitment, v.size), 2011)
        opens = v.kind == OPENING and self.case == sha(b"ogic case 1", event.digest)
        need(v.case == self.case if nth else opens, 2011)
        need(not v.head or v.head[0] < nth and v.head[1] == self.history[v.head[0]].record.digest, 3009)
        need(not approval or approval.digest == v.approval and covers(approval.v, v), 2020)
        e = Named(record=record, id=event.digest, v=v, body=body, flaw=None)
        e.fields, e.documents, e.detail = body_of(body, v.kind) if body else (self.note(Flaw(2006)), [], None)
        self.at(7, f"record {nth}")
        e.who = self.hold(event, record.at)[0]
        if v.approval:
            official, e.flaw = None, Flaw(2006, verdict=OPEN)
            if approval:
                official, e.flaw = self.judge.judge(approval, record.at)
            if not e.flaw and e.who not in (None, official):
                e.flaw = Flaw(2007, verdict=FAILED)
        self.holder = self.holder if nth else e.who
        if self.holder and body and v.kind == TAKEN:
            notice, release, detail = released(e.detail.notice)
            need(self.hold(notice, release.at)[0] in (None, self.holder), 2007)
            need(release.digest == before.digest and e.who in (None, detail.to), 2011)
            self.holder = detail.to
        if body and v.kind == EVIDENCE and e.detail.evidence is not None:
            self.at(9, f"record {nth}")
            one, about = Signed(e.detail.evidence, "evidence+cbor"), e.detail.event
            earlier = [e.v.approval for e in self.history if e.id == about]
            need(one.v.event == about and one.v.approval in earlier, 2019)
            if self.hold(one, one.v.at)[1]:
                self.genuine.setdefault(about, one.v.verdict[0])
        self.history.append(e)
    def receipts(self, last):
        shown, same = {}, None
        for nth, section in enumerate(self.parts[6]):
            self.at(8, f"receipts {nth + 1}")
            receipt = Receipt(section)
            log, same = Signed(receipt.cose, "checkpoint"), same or receipt.cose
            new = {one.digest: index for index, one in receipt.leaves.items()}
            receipt.holds(log.v)
            need(self.hold(log, own=self.made)[0] in (None, self.home) and log.v.agency == self.home, 2007)
            need(receipt.cose == same and not shown.keys() & new.keys() and (nth or receipt.heads), 2012)
            shown |= new
            for head in receipt.heads.values():
                need([head.case, head.seq, head.record] == [last.case, last.seq, last.digest], 2012)
                need(shown.get(head.record, head.place) == head.place, 2012)
        need(shown.keys() == {e.record.digest for e in self.history}, 2012)
    def documents(self):
        """The events that name one otherwise."""
        misnamed, brought = set(), [(e.id, *one.values()) for e in self.history for one in e.documents]
        for nth, data in enumerate(self.parts[7]):
            self.at(12, f"document {nth + 1}")
            chunks = [(n, sha(b"\0", data[n * MIB:(n + 1) * MIB])) for n in range(-(-len(data) // MIB))]
            said = root_of(0, len(chunks), chunks, iter(())) if chunks else sha(), len(data)
            named = [(event, (root, size)) for event, digest, root, size, *_ in brought
                     if digest == sha(data)]
            need(said in [one for _, one in named], 2011)
            misnamed |= {event for event, one in named if one != said}
        return misnamed
    def effects(self, effects, misnamed):
        for e in self.history:
            self.at(10, f"record {e.record.seq}")
            verdict, effect = e.flaw.verdict if e.flaw else PASSED, effects.get(e.id)
            verdict = self.genuine.get(e.id, OPEN) if verdict == OPEN else verdict
            need(verdict != FAILED or effect != HELD, e.flaw)
            self.note(e.flaw if verdict != PASSED and effect in (None, HELD) else None)
            self.at(12, f"record {e.record.seq}")
            need(e.id not in misnamed or effect != HELD, 2011)
            self.note(Flaw(2011) if e.id in misnamed and not effect else None)

# "A file".
ALONE = (2002, 2006, 2009, 2010, 2014, 2018)
def judged(data, given, said):
    """Ends with the flaw that counts; tells what the file is, and where the flaw is."""
    certs, crls, trust = given.certs, given.crls, given.trust
    if sum(x == y for x, y in zip(data, MAGIC)) >= 11 and data[:15] != b"ogic extract 1\n":
        said["kind"] = "capsule"
        undecided = Capsule(data, given, said).undecided
        said["step"], flaw = undecided[0] if undecided else (None, None)
        need(not flaw, flaw and Flaw(flaw.code, verdict=OPEN))
        return
    if data[:15] == b"ogic extract 1\n":
        said["kind"] = need(len(data) <= 16 * MIB, 1002) and "extract"
        data, more, lists = read("extract", cbor(data[15:], 88, 2))
        certs, crls = certs + [*map(certificate, more)], crls + [*map(revocation_list, lists)]
        trust = trust and Trust(trust.registry, trust.root, crls)
    if data[:1] != b"\xd2":
        said["kind"] = None
        receipt = Receipt(data)
        data, said["kind"] = receipt.cose, "receipt frame"
        receipt.holds(Signed(data, "checkpoint").v)
    said["kind"] = said["kind"] or "signed object"
    one = Signed(data)
    judge, made = Judge([trust] if trust else [], certs, given.now, ALONE), getattr(one.v, "at", None)
    who, flaw = judge.own(one, given.at or made or given.now, made)
    need(not flaw, flaw)
    need(one.kind != "checkpoint" or one.v.agency == who, 2007)
    if one.kind == "evidence+cbor":
        near = {each.digest: each.der for each in certs + crls}
        replayed(one.v, near | {trust.registry.digest: trust.registry.bytes}, trust.root)
def main():
    parser, path = argparse.ArgumentParser(description=__doc__.split("\n")[0]), pathlib.Path
    parser.add_argument("--trust", type=path)
    parser.add_argument("--pin", type=bytes.fromhex)
    parser.add_argument("--certs", type=path, action="append", default=[])
    parser.add_argument("--crl", type=path, action="append", default=[])
    parser.add_argument("--at", type=datetime.datetime.fromisoformat)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("files", type=path, nargs="+")
    args, pem = parser.parse_args(), re.compile(b"-----BEGIN CERTIFICATE-----(.*?)-----END", re.S)
    at, given = args.at and round(args.at.timestamp() * 1000), Named(trust=None, certs=[])
    given.at, given.now = at, at or int(time.time() * 1000)
    given.crls = [revocation_list(file.read_bytes()) for file in args.crl]
    for data in map(path.read_bytes, args.certs):
        given.certs += map(certificate, [*map(base64.b64decode, pem.findall(data))] or [data])
    if args.trust:
        registry = Signed(args.trust.read_bytes(), "registry+cbor")
        registrar(registry, args.pin, None)
        given.trust = Trust(registry, args.pin, given.crls)
    exits = []
    for file in args.files:
        said = {"file": str(file), "kind": None, "verdict": None, "exit": 0, "step": None, "problem": None}
        try:
            judged(file.read_bytes(), given, said)
        except Flaw as flaw:
            undecided = said["kind"] != "capsule" and flaw.code in ALONE
            verdict = flaw.verdict or (OPEN if undecided else FAILED)
            said |= {"exit": {OPEN: 6, FAILED: 5}[verdict] if said["kind"] else 2, "problem": str(flaw)}
        said["verdict"] = {0: "TOTAL-PASSED", 6: "INDETERMINATE", 5: "TOTAL-FAILED"}.get(said["exit"])
        words = [str(one) for one in said.values() if one is not None]
        print(json.dumps(said) if args.json else " ".join(words))
        exits.append(said["exit"])
    return next((code for code in (5, 6, 2) if code in exits), 0)
if __name__ == "__main__":
    sys.exit(main())
