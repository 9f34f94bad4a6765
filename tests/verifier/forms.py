"""Forms: deterministic CBOR, the shapes of PROTOCOL's structures, signed objects. What is found wrong is a Flaw.

A flaw's number is that of the page's table of codes; the page itself is read for codes, sub-indications and policy."""
import base64, hashlib, os, re, struct
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

PASSED, OPEN, FAILED = 0, 1, 2
KIB, MIB, DAY, LATEST = 1 << 10, 1 << 20, 86400000, 253402300800000
PRIVILEGED = ("ttp", "tsa", "ocsp", "registry", "authority")
def read(path):
    with open(path, "rb") as file:
        return file.read()
PAGE = read(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/PROTOCOL.md")).decode()
CODES = {int(number) for number in re.findall(r"^\| (\d{4}) \|", PAGE, re.M)}
POLICY = hashlib.sha256(re.search("```policy\n(.*?)```", PAGE, re.S)[1].encode()).digest()
SUBS = set(re.findall("`([A-Z_]+)`", re.search(r"Sub-indications are(.*?)\.\s", PAGE, re.S)[1]))

class Flaw(Exception):
    def __init__(self, code, what, sub="CHAIN_CONSTRAINTS_FAILURE"):
        super().__init__(f"{code}: {what}")
        self.code, self.sub = code, {2005: "REVOKED", 2006: "TRY_LATER", 2018: "TRY_LATER"}.get(code, sub)
    def alone(self):  # the verdict of a file that is one signed object
        return OPEN if self.code in (2002, 2004, 2006, 2009, 2010, 2014, 2018) else FAILED
    def of_path(self):  # the verdict of a path, and how much a flaw tells of it
        return OPEN if self.code in (2006, 2018) else FAILED, {2005: 6, 2004: 5, 2018: 1, 2006: 1}.get(self.code, 3)
def need(holds, code, what):
    if not holds:
        raise Flaw(code, what)
    return True
def guarded(code, act, *args):  # the errors of libraries about bytes from outside are of many kinds
    try:
        return act(*args)
    except Exception as error:
        raise error if isinstance(error, Flaw) else Flaw(code, f"{type(error).__name__} {error}") from None
def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()
def utf8(data, most):
    return need(len(data) <= most, 1002, "text") and guarded(1001, str, data, "utf-8")

# Deterministic CBOR.
def cbor(data, size, items, depth=8):
    need(len(data) <= size, 1002, "size")
    at, left = 0, items
    def take(count):
        nonlocal at
        need(at + count <= len(data), 1001, "an item beyond the end")
        at += count
        return data[at - count:at]
    def item(level, is_key=False):
        nonlocal left
        left, first = left - 1, take(1)[0]
        major, n = first >> 5, first & 31
        need(left >= 0 and major != 6 and (major in (0, 1, 3) or not is_key), 1001, "too many items, a tag, or a key")
        need(20 <= n <= 22 if major == 7 else n < 28, 1001, "a float, a simple value, or an indefinite length")
        if major == 7:
            return (False, True, None)[n - 20]
        if n > 23:
            least, n = (24, 1 << 8, 1 << 16, 1 << 32)[n - 24], int.from_bytes(take(1 << n - 24), "big")
            need(n >= least and (major != 1 or n < 1 << 63), 1001, "not the shortest form, or beyond 64 bits")
        if major < 4:
            return n if major == 0 else -1 - n if major == 1 else take(n) if major == 2 else utf8(take(n), size)
        need(level < depth, 1002, "nesting")
        if major == 4:
            return [item(level + 1) for _ in range(n)]
        out, before = {}, b""
        for _ in range(n):
            start, key = at, item(level + 1, True)
            need(data[start:at] > before, 1001, "keys out of order")
            before, out[key] = data[start:at], item(level + 1)
        return out
    value = item(0)
    return need(at == len(data), 1001, "bytes after the item") and value

# Shapes of values, and the structures.
def a(kind, test=lambda v: True):
    return lambda v: need(type(v) is kind and test(v), 1003, f"{kind.__name__} {v!r:.60}")
def text(most):
    return a(str, lambda v: len(v.encode()) <= most)
def among(*values):
    return a(type(values[0]), lambda v: v in values)
def null(shape):
    return lambda v: v is None or shape(v)
def many(shape, most=MIB):
    return a(list, lambda v: len(v) <= most and all(map(shape, v)))
def row(*shapes):
    return a(list, lambda v: len(v) == len(shapes) and all(shape(one) for shape, one in zip(shapes, v)))
def table(shapes, optional=()):
    return a(dict, lambda v: set(shapes) - set(optional) <= set(v) <= set(shapes) and all(shapes[k](v[k]) for k in v))
LABEL = "(?!-)[a-z0-9-]{1,63}(?<!-)"
def is_agency(v):
    return len(v) <= 253 and re.fullmatch(rf"{LABEL}(\.{LABEL})+", v)
def is_role(v):
    return v in ("node", "seal", *PRIVILEGED) or re.fullmatch("official/" + LABEL, v)
def identity(uri):
    host, _, role = uri[7:].partition("/")
    return need(uri[:7] == "ogic://" and is_agency(host) and is_role(role), 1009, f"identity {uri:.60}") and (host, role)
def within(name, parent):
    return name == parent or name.endswith("." + parent)
uint, when, digest = a(int, lambda v: v >= 0), a(int, lambda v: 0 <= v < LATEST), a(bytes, lambda v: len(v) == 32)
blob, truth, agency, short, name = a(bytes), a(bool), a(str, is_agency), text(1024), text(64)
HEAD, KIND, JUDGED = row(uint, digest), among(*range(1, 17)), row(among(0, 1, 2), among("", *SUBS), among(0, *CODES))
DETAIL = {1: table({1: digest, 2: short}), 5: table({1: digest, 2: short}), 8: table({1: short}),
          4: table({1: agency, 2: truth, 3: many(name), 4: short, 5: short, 6: short, 7: null(when), 8: when}),
          6: table({1: digest, 2: JUDGED, 3: null(blob)}), 13: table({1: short}),
          14: table({1: agency, 2: digest, 3: digest}), 15: table({1: agency, 2: blob})}
DETAIL[11] = DETAIL[4]
DOCUMENT = table({1: digest, 2: digest, 3: uint, 4: text(255), 5: text(127)})
MEMBER = table({1: agency, 2: short, 3: short, 4: among(1, 2, 3, 4), 5: null(agency), 6: many(short, 32),
                7: many(short, 32), 8: many(row(short, short), 32)})
def is_field(one):
    return name(one[0]) and (type(one[1]) in (str, bool) or type(one[1]) is int and one[1] < 1 << 63)
def body_of(data, kind):
    detail, v = {3: DETAIL[kind]} if kind in DETAIL else {}, cbor(data[32:], 64 * KIB, 4096)
    return table({1: a(dict, lambda v: all(map(is_field, v.items()))), 2: many(DOCUMENT, 32)} | detail)(v) and v
def is_header(v):
    return ((v[3] == 1) == (v[1] is None) == (v[2] is None) and 33 <= v[6] <= 64 * KIB and (v[3] != 2 or v[4] is not None)
            and v[10] in {2: (0, 1, 2), 8: (1, 2, 3, 4, 5)}.get(v[3], (0,)))
def is_registry(v):
    ids = [member[1] for member in v[5]]
    return (ids == sorted(set(ids)) and all(within(one, v[1]) for one in ids) and v[4] > v[3]
            and all(identity(one[1])[1] in PRIVILEGED for one in v[7]))
def checkpoint(data):
    number, root = "(0|[1-9][0-9]{0,19})", "([A-Za-z0-9+/]{43}=)"
    form = f"([^/]*)/log/[0-9a-f]{{32}}/{number}\n{number}\n{root}\nheads {number} {root}\n"
    said = re.fullmatch(form, utf8(data, 450))
    need(said and is_agency(said[1]) and all(int(said[n]) < 1 << 64 for n in (2, 3, 5)), 1001, "form of the checkpoint")
    roots = [base64.b64decode(said[n]) for n in (4, 6)]
    need([base64.b64encode(root).decode() for root in roots] == [said[4], said[6]], 1001, "base64")
    need(all(count != "0" or root == sha() for count, root in zip((said[3], said[5]), roots)), 1001, "root of nothing")
    return {"agency": said[1], "size": int(said[3]), "root": roots[0], "count": int(said[5]), "heads": roots[1]}
def reader(size, items, shape, more=lambda v: True, depth=8):
    def checked(v):
        return need(shape(v) and more(v), 1003, "value") and v
    return lambda data: checked(cbor(data, size, items, depth))
# The kinds of signed objects: the signer's role, the limit, and how the payload is read. Two carry their chain.
KINDS = {
    "event+cbor": ("seal", 4 * KIB, reader(4 * KIB, 512, table({
        1: null(digest), 2: null(HEAD), 3: KIND, 4: null(name), 5: when, 6: uint, 7: digest, 8: null(digest),
        9: null(digest), 10: uint, 11: table({1: when, 2: when, 3: when}, (1, 2, 3))}), is_header)),
    "approval+cbor": ("official", 4 * KIB, reader(4 * KIB, 512, table({1: null(digest), 2: KIND, 3: null(name), 4: digest}))),
    "checkpoint": ("seal", 4 * KIB, checkpoint),
    "evidence+cbor": ("ttp", 60 * KIB, reader(64 * KIB, 4096, table({
        1: agency, 2: a(bytes, lambda v: len(v) == 16), 3: digest, 4: null(digest), 5: when, 6: short, 7: digest,
        8: null(row(agency, a(str, is_role))), 9: JUDGED, 10: many(row(short, name, truth)),
        11: many(row(text(32), digest, null(blob)))}), lambda v: all(i[2] is None or sha(i[2]) == i[1] for i in v[11]))),
    "custody+cbor": ("seal", 16 * KIB, reader(16 * KIB, 4096, table({
        1: digest, 2: blob, 3: a(bytes, lambda v: len(v) <= 64 * KIB), 4: many(blob, 2), 5: when, 6: agency}))),
    "registry+cbor": ("registry", 4 * MIB, reader(4 * MIB, 64 * KIB, table({
        1: agency, 2: uint, 3: when, 4: when, 5: many(MEMBER, 4096), 6: many(table({1: blob, 2: many(agency, 4096)}), 64),
        7: many(table({1: a(str, identity), 2: digest}), 256), 8: many(digest, 4096)}), is_registry)),
    "service+toml": ("seal", 64 * KIB, lambda data: utf8(data, 60 * KIB)),
    "capsule+cbor": ("seal", 4 * MIB, reader(4 * MIB, 196672, table({
        1: digest, 2: agency, 3: when, 4: many(row(among(*range(1, 8)), digest), 64 * KIB)}),
        lambda v: [one[0] for one in v[4]] == sorted(one[0] for one in v[4]), 4))}

# Keys, and what they sign: by the number of COSE, or by the identifier of X.509.
RSA, DSA, ED = rsa.RSAPublicKey, ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey
SHA2 = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
ALGORITHMS = {-8: (ED,), "1.3.101.112": (ED,), -7: (DSA, ec.ECDSA(SHA2[0])), -35: (DSA, ec.ECDSA(SHA2[1]))}
ALGORITHMS |= {f"1.2.840.10045.4.3.{2 + n}": (DSA, ec.ECDSA(SHA2[n])) for n in (0, 1)}
ALGORITHMS |= {f"1.2.840.113549.1.1.{11 + n}": (RSA, padding.PKCS1v15(), SHA2[n]) for n in (0, 1, 2)}
ALGORITHMS |= {-37 - n: (RSA, padding.PSS(padding.MGF1(one), one.digest_size), one) for n, one in enumerate(SHA2)}
MEMO = {}
def proves(key, algorithm, signature, said):
    (kind, *how), half = ALGORITHMS.get(algorithm, (type(None),)), {-7: 32, -35: 48}.get(algorithm)
    need(isinstance(key, kind) and (not half or key.key_size // 8 == half), 2009, "an algorithm that is not the key's")
    if half:
        need(len(signature) == 2 * half, 2001, "signature")
        signature = utils.encode_dss_signature(*(int.from_bytes(n, "big") for n in (signature[:half], signature[half:])))
    guarded(2001, key.verify, signature, said, *how)
def signed_by(thing, issuer):
    key, x = (thing.digest, issuer.key_id), thing.x
    if key not in MEMO:
        said = x.tbs_certificate_bytes if isinstance(x, x509.Certificate) else x.tbs_certlist_bytes
        try:
            MEMO[key] = proves(issuer.key, x.signature_algorithm_oid.dotted_string, x.signature, said) is None
        except Flaw:
            MEMO[key] = False
    return MEMO[key]
def sized(data):  # a byte string of CBOR
    n, forms = len(data), ((0x58, 1), (0x59, 2), (0x5a, 4))
    return (bytes([0x40 + n]) if n < 24 else next(bytes([h]) + n.to_bytes(w, "big") for h, w in forms if n < 256 ** w)) + data
class Signed:
    def __init__(self, data, kind=None):
        need(data[:1] == b"\xd2", 1001, "tag 18")
        parts = cbor(data[1:], 4 * MIB, 64, 4)
        row(blob, table({}), blob, blob)(parts)
        self.bytes, self.digest, (self.protected, _, self.payload, self.signature) = data, sha(data), parts
        v = cbor(self.protected, 256 * KIB, 32, 4)
        need(type(v) is dict and 1 in v, 1001, "protected header")
        need(type(v[1]) is int and v[1] in ALGORITHMS, 2009, "alg")
        self.kind = str(v.get(3)).removeprefix("application/vnd.ogic.")
        need(self.kind in KINDS and kind in (None, self.kind) and self.kind != v[3], 1004, f"content type {v.get(3)!r:.60}")
        chained = {33: many(blob, 8)} if self.kind in ("registry+cbor", "service+toml") else {}
        table({1: a(int), 3: a(str), 34: row(among(-16), digest)} | chained)(v)
        (self.role, limit, payload), self.alg, self.signer, self.chain = KINDS[self.kind], v[1], v[34][1], v.get(33, [])
        need(len(data) <= limit and (not chained or self.chain and sha(self.chain[0]) == self.signer), 1001, "size, or x5chain")
        self.value = payload(self.payload)
    def holds(self, cert):
        said = b"\x84\x6aSignature1" + b"".join(map(sized, (self.protected, b"", self.payload)))
        proves(cert.key, self.alg, self.signature, said)

# Leaves of a log; what a home signs to tell of a release.
def leaf_of(form, prefix, names, data):
    need(len(data) == struct.calcsize(form) and data.startswith(prefix), 1001, "leaf")
    v = dict(zip(names.split(), struct.unpack(form, data)[1:])) | {"digest": sha(b"\0", data)}
    return need(v.get("at", 0) < LATEST, 1003, "time") and v
def leaf(data):
    if data[:13] == b"ogic record 1":
        v = leaf_of(">13s32sQ32sQ32s", b"ogic record 1", "case seq prev at event", data)
        return need((v["seq"] == 0) == (v["prev"] == bytes(32)), 1003, "prev") and v
    kinds = {b"ogic access 1": (">13s32sQ32s", "look at"), b"ogic notice 1": (">13s32sQ", "notice at")}
    need(data[:13] in kinds, 1001, "leaf")
    return leaf_of(kinds[data[:13]][0], b"", kinds[data[:13]][1], data) | {"case": None, "seq": None}
def follows(record, before):
    return (record["prev"], record["seq"]) == (before["digest"], before["seq"] + 1) and before["at"] <= record["at"]
def released(data):
    """The notice of a release: itself, the record of the release, and its detail."""
    notice = Signed(data, "custody+cbor")
    v, records = notice.value, [leaf(one) for one in notice.value[4]]
    event = Signed(v[2], "event+cbor")
    need(event.value[3] == 14 and len(records) == 2, 1004, "no notice of a release")
    need((sha(v[3]), len(v[3]), None) == (event.value[7], event.value[6], event.value[8]), 2011, "body of the release")
    detail, (accepted, record) = body_of(v[3], 14)[3], records
    need(event.value[1] == v[1] and all(one["case"] == v[1] for one in records), 2011, "case of the release")
    need((record["event"], accepted["event"]) == (event.digest, detail[3]) and follows(record, accepted), 2011, "its records")
    need(event.value[2] == [accepted["seq"], accepted["digest"]], 3009, "head of the release")
    return notice, record, detail
