#!/usr/bin/env python3
"""A second verifier of capsules, extracts, receipts, checkpoints and evidence, written from docs/PROTOCOL.md alone.

Arguments and exit codes are those of `ogic verify`: 0 passed, 5 failed, 6 undecidable, 2 no file of these kinds. It needs
Python 3.11 and the package `cryptography` (38 or later), and shares nothing with the code that it checks: where the two
disagree about a file, one of them or the page is wrong. `verifier/` holds what it stands on: forms, paths, the fold."""
import argparse, base64, datetime, json, re, sys, time

from verifier.fold import HELD, Fold
from verifier.forms import (FAILED, KIB, MIB, OPEN, PASSED, POLICY, Flaw, Signed, a, blob, body_of, cbor, digest, leaf,
                            leaf_of, many, need, null, read, released, row, sha, uint)
from verifier.paths import Cert, Crl, Trust

VERDICTS, EXITS = ("TOTAL-PASSED", "INDETERMINATE", "TOTAL-FAILED"), (0, 6, 5)

# Leaves, proofs, receipts.
def half(count):
    return 1 << (count - 1).bit_length() - 1
def tree(hashed):
    if len(hashed) < 2:
        return hashed[0] if hashed else sha()
    return sha(b"\1", tree(hashed[:half(len(hashed))]), tree(hashed[half(len(hashed)):]))
def proven(leaves, size, root, proof):
    left = iter(proof)
    def walk(start, end, shown):
        if not shown or end - start == 1:
            return shown[0][1]["digest"] if shown else next(left, b"")
        middle = start + half(end - start)
        return sha(b"\1", walk(start, middle, [one for one in shown if one[0] < middle]),
                   walk(middle, end, [one for one in shown if one[0] >= middle]))
    need(leaves[-1][0] < size and walk(0, size, leaves) == root and next(left, None) is None, 2012, "proof")
class Receipt:
    def __init__(self, data):
        v, placed = cbor(data, 255 * KIB, 16 * KIB), many(row(uint, blob), 512)
        row(a(bytes, lambda v: len(v) <= 4 * KIB), placed, many(digest), placed, many(digest))(v)
        need(v[1] and all(x[0] < y[0] for shown in (v[1], v[3]) for x, y in zip(shown, shown[1:])), 1001, "indices")
        self.cose, self.leaves, self.proof, self.heads_proof = v[0], [(index, leaf(one)) for index, one in v[1]], v[2], v[4]
        self.heads = [(n, leaf_of(">11s32sQ32sQ", b"ogic head 1", "case seq record index", one)) for n, one in v[3]]
    def holds(self, cp):
        proven(self.leaves, cp["size"], cp["root"], self.proof)
        need(self.heads or not self.heads_proof, 2012, "a proof of no heads")
        if self.heads:
            proven(self.heads, cp["count"], cp["heads"], self.heads_proof)
        last, placed, cases = {}, dict(self.leaves), [one["case"] for _, one in self.heads]
        for index, one in self.leaves:
            if one["case"]:
                before = last.get(one["case"], (0, {"seq": -1, "digest": one["prev"]}))[1]
                step, last[one["case"]] = one["seq"] - before["seq"], (index, one)
                need(step > 1 or step == 1 and one["prev"] == before["digest"], 2016, "a record beside another")
        need(cases == sorted(set(cases)), 2016, "order of the heads")
        for _, one in self.heads:
            there, (index, newest) = placed.get(one["index"]), last.get(one["case"], (one["index"], one))
            need(one["index"] < cp["size"], 2012, "a head beyond the log")
            is_last, same = (one["seq"], one["index"]) == (newest["seq"], index), ("digest", "case", "seq")
            need(is_last and [there[k] for k in same] == [one["record"], one["case"], one["seq"]] if there else
                 is_last or newest["seq"] < one["seq"] and index < one["index"], 2016, "a head beside its case")

def stands(trust, cert, above, role, now):
    """A revocation that is known by now counts whatever time is told."""
    try:
        trust.path(cert, above, role, now)
    except Flaw as flaw:
        return flaw if flaw.code == 2005 else None

# Capsules.
MAGIC, PARTS = b"ogic capsule 1\n", {1: 64 * KIB, 2: 16 * KIB, 3: 4 * MIB, 4: 4 * MIB, 5: 73917, 6: 255 * KIB,
                                     7: 256 * MIB, 255: 4 * MIB}
def sections(data):
    at, found = need(data[:15] == MAGIC, 1001, "magic") and 15, [(0, b"")]
    while found[-1][0] != 255:
        kind, size = data[at] if at < len(data) else 0, int.from_bytes(data[at + 1:at + 5], "big")
        need(kind in PARTS and kind >= found[-1][0] and size <= PARTS[kind] and at + 5 + size <= len(data), 1001, f"byte {at}")
        at, found = at + 5 + size, found + [(kind, data[at + 5:at + 5 + size])]
    return need(at == len(data) and len(found) <= 64 * KIB + 2, 1001, "the end") and found[1:]
def capsule(data, given, told):
    """Ends with the first flaw that nothing will mend, at the step that is told; what is open is told, and it goes on."""
    def at(step, place):
        told["step"] = f"capsule {step}: {place}"
    def judge(signed, when, cert=None, above=None):
        cert, above, who, flaw = cert or certs.get(signed.signer), authorities if above is None else above, None, None
        if not cert:
            return None, Flaw(2002, "a certificate that is not carried"), OPEN
        try:
            signed.holds(cert)
            who, role = cert.identity()
            need(role.split("/")[0] == signed.role, 2008, role)
        except Flaw as flaw:
            return who, flaw, FAILED
        for trust in (pinned, carried):
            try:
                need(trust, 2006, "no pinned registry")
                return trust.opened(signed, cert, above, when), None, PASSED
            except Flaw as found:
                flaw = flaw or found
            if flaw.code not in (2010, 2017):
                break
        if pinned and flaw.code in (2014, 2017):
            try:
                pinned.path(cert, above, signed.role, when)
                return who, flaw, OPEN
            except Flaw as found:
                flaw = found
        return who, flaw, flaw.of_path()[0]
    def is_open(flaw):
        told["open"].append((told["step"], flaw))
    def hold(signed, when, *chain, own=None):
        who, flaw, verdict = judge(signed, when, *chain)
        if own and verdict == FAILED and flaw.code in (2004, 2005):
            was = judge(signed, own)[1] if flaw.code == 2005 else None
            older = flaw.sub == "EXPIRED" or flaw.code == 2005 and not (was and was.code == 2005)
            verdict = OPEN if older else FAILED
        if own and verdict == PASSED and pinned:
            flaw = stands(pinned, certs[signed.signer], authorities, signed.role, given.now)
            verdict = OPEN if flaw else PASSED
        need(verdict != FAILED, flaw and flaw.code, flaw)
        if verdict == OPEN:
            is_open(flaw)
        return who, verdict == PASSED
    at(1, "sections")
    parts, pinned, carried = sections(data), None, None
    of = {kind: [part for one, part in parts if one == kind] for kind in PARTS}
    need(len(of[1]) == len(of[4]) == 1 and of[5] and of[6], 1001, "a section that is missing")
    certs, lists = {one.digest: one for one in map(Cert, of[2])}, {one.digest: one for one in [*map(Crl, of[3]), *given.crls]}
    authorities = [one for one in certs.values() if one.is_ca]
    at(2, "manifest")
    manifest = Signed(parts[-1][1], "capsule+cbor")
    case, home, made, listed = (manifest.value[key] for key in (1, 2, 3, 4))
    need(listed == [[kind, sha(part)] for kind, part in parts[:-1]], 2011, "sections")
    need(manifest.signer in certs, 2002, "the sealer's certificate is not carried")
    at(3, "manifest")
    pinned, now = given.trust and Trust(given.trust.registry, given.trust.root, [*lists.values()]), given.at or made
    need(hold(manifest, now, own=made)[0] in (None, home), 2007, "sealed by another than the home")
    at(4, "registry")
    registry = Signed(of[4][0], "registry+cbor")
    signer, *above = map(Cert, registry.chain)
    if hold(registry, registry.value[3], signer, above)[1]:
        mine = pinned.registry
        need(mine.value[2] != registry.value[2] or mine.bytes == registry.bytes, 2016, "one version of two contents")
        carried = Trust(registry, pinned.root, pinned.crls) if any(sha(one[1]) == pinned.root for one in registry.value[6]) else None
    history, genuine, earlier, brought, shown, misnamed, cose = [], {}, {}, {}, {}, set(), None
    for nth, section in enumerate(of[5]):
        at(6, f"record {nth}")
        record, said = leaf(section[:125]), cbor(section[125:], PARTS[5], 8, 2)
        row(blob, null(blob), null(blob))(said)
        event, body, approval = Signed(said[0], "event+cbor"), said[1], said[2] and Signed(said[2], "approval+cbor")
        v, before = event.value, history[-1][0] if history else {"digest": bytes(32), "at": 0}
        need((record["case"], record["seq"], record.get("event")) == (case, nth, event.digest), 2011, "record")
        need(body is None or sha(body) == v[7] and len(body) == v[6], 2011, "body")
        need(not approval or approval.digest == v[8] and [*approval.value.values()] == [v[1], v[3], v[4], v[7]], 2020, "approval")
        need(nth and v[1] == case or v[3] == 1 and nth == 0 and case == sha(b"ogic case 1", event.digest), 2011, "case")
        need(record["prev"] == before["digest"] and before["at"] <= record["at"] <= made, 2011, "prev, or received")
        need(v[2] is None or v[2][0] < nth and v[2][1] == history[v[2][0]][0]["digest"], 3009, "head")
        body = body_of(body, v[3]) if body else is_open(Flaw(2006, "a body that is withheld"))
        at(7, f"record {nth}")
        who = hold(event, record["at"])[0]
        official, flaw, verdict = judge(approval, record["at"]) if approval else (
            None, Flaw(2006, "an approval that is withheld"), PASSED if v[8] is None else OPEN)
        if verdict == PASSED and approval and who and official != who:
            flaw, verdict = Flaw(2007, "an official of another agency"), FAILED
        history.append((record, who, v, body, flaw, verdict))
    holder = history[0][1]
    for (before, *_), (record, who, v, body, *_) in zip(history, history[1:]) if holder else ():
        at(7, f"record {record['seq']}")
        if body and v[3] == 15:
            notice, release, detail = released(body[3][2])
            need(hold(notice, release["at"])[0] in (None, holder) and release["digest"] == before["digest"], 2011, "release")
            need(who in (None, detail[1]), 2007, "taken by another than it was released to")
            holder = detail[1]
    need(holder in (None, home), 2007, "the home opened the case, or took it last")
    at(5, "service")
    service, opening = Signed(of[1][0], "service+toml"), history[0]
    signer, *above = map(Cert, service.chain)
    need(opening[3] is None or opening[3][3][1] == service.digest, 2011, "not what the opening event names")
    hold(service, min(opening[0]["at"], signer.until), signer, above)
    last = [history[-1][0][key] for key in ("case", "seq", "digest")]
    for nth, section in enumerate(of[6]):
        at(8, f"receipts {nth + 1}")
        receipt = Receipt(section)
        cp, cose = Signed(receipt.cose, "checkpoint"), cose or receipt.cose
        receipt.holds(cp.value)
        need(hold(cp, now, own=made)[0] in (None, home) and cp.value["agency"] == home, 2007, "not the home's log")
        need(receipt.cose == cose and not shown.keys() & {one["digest"] for _, one in receipt.leaves}, 2012, "twice")
        shown |= {one["digest"]: index for index, one in receipt.leaves}
        need(nth or receipt.heads, 2012, "no head")
        for _, one in receipt.heads:
            need([one[k] for k in ("case", "seq", "record")] == last, 2012, "head")
            need(shown.get(one["record"], one["index"]) == one["index"], 2012, "the head's place")
    need(shown.keys() == {one[0]["digest"] for one in history}, 2012, "not the records of the capsule")
    for record, _, v, body, _, _ in history:
        at(9, f"record {record['seq']}")
        if body and v[3] == 6 and body[3][3] is not None:
            evidence = Signed(body[3][3], "evidence+cbor")
            need(evidence.value[3] == body[3][1] and earlier.get(body[3][1], 0) == evidence.value[4], 2019, "of another event")
            if hold(evidence, evidence.value[5])[1]:
                genuine.setdefault(body[3][1], evidence.value[9])
        earlier[record["event"]] = v[8]
        for one in body[2] if body else []:
            brought.setdefault(one[1], []).append((record["event"], (one[2], one[3])))
    for nth, data in enumerate(of[7]):
        at(12, f"document {nth + 1}")
        named, root = brought.get(sha(data), []), tree([sha(b"\0", data[n:n + MIB]) for n in range(0, len(data), MIB)])
        need(any(said == (root, len(data)) for _, said in named), 2011, "no document that an event brings")
        misnamed |= {event for event, said in named if said != (root, len(data))}
    at(11, "service")
    effects = Fold(history[0][1], service.value).told(history)
    for record, _, _, _, flaw, verdict in history:
        at(10, f"record {record['seq']}")
        verdict = genuine[record["event"]][0] if verdict == OPEN and record["event"] in genuine else verdict
        if verdict != PASSED and effects.get(record["event"], HELD) == HELD:
            need(verdict == OPEN, flaw.code, flaw)
            is_open(flaw)
        at(12, f"record {record['seq']}")
        need(record["event"] not in misnamed or effects.get(record["event"], HELD) != HELD, 2011, "a document misnamed")

# Files.
def ders(data):
    return [base64.b64decode(one) for one in re.findall(b"-----BEGIN CERTIFICATE-----(.*?)-----END", data, re.S)] or [data]
def registrar(registry, root, crls):
    """The registry's own signer leads to the root, as of its issue."""
    signer, *above = map(Cert, registry.chain)
    trust = Trust(registry, root, crls)
    trust.anchors = [one for one in trust.anchors if one[0].digest == root]
    need(signer.identity()[1] == "registry", 2008, "registrar")
    registry.holds(signer)
    trust.path(signer, above, "registry", registry.value[3])
class Given:
    def __init__(self, args):
        self.at, self.trust, self.crls = args.at, None, [Crl(read(path)) for path in args.crl]
        self.certs, self.now = [Cert(der) for path in args.certs for der in ders(read(path))], args.at or int(time.time() * 1000)
        if args.trust:
            registry, root = Signed(read(args.trust), "registry+cbor"), bytes.fromhex(args.pin or "")
            registrar(registry, root, None)
            self.trust = Trust(registry, root, self.crls)
def opened(one, given, certs, trust):
    known = certs + [Cert(der) for der in one.chain]
    cert = next((cert for cert in known if cert.digest == one.signer), None)
    need(cert, 2002, "the signer's certificate is not at hand")
    one.holds(cert)
    need(trust, 2006, "no trust was given")
    own = {"event+cbor": 5, "evidence+cbor": 5, "registry+cbor": 3, "capsule+cbor": 3, "custody+cbor": 5}.get(one.kind)
    made, who = one.value[own] if own else None, None
    def at(when):
        try:
            return trust.opened(one, cert, known, when)
        except Flaw as flaw:
            return flaw
    who = at(given.at or made or given.now)
    if isinstance(who, Flaw):
        was = at(made) if made is not None else None
        raise Flaw(2004, who) if who.code == 2005 and not (isinstance(was, Flaw) and was.code in (2004, 2005)) else who
    flaw = stands(trust, cert, known, one.role, given.now)
    need(not flaw, 2004, flaw)
    return who
def replayed(evidence, given, certs, crls, trust):
    """The third party's judgement, made again from what it used; the policy is that of the page."""
    need(evidence[7] == POLICY, 2006, "a policy that is not known here")
    def inputs(kind):
        near = {one.digest: one.der for one in certs + crls} | ({trust.registry.digest: trust.registry.bytes} if trust else {})
        found = [one[2] if one[2] is not None else near.get(one[1]) for one in evidence[11] if one[0] == kind]
        return need(None not in found, 2006, f"an input that is not at hand: {kind}") and found
    header, approval, registry = inputs("event"), inputs("approval")[-1:], None
    need(len(header) == 1, 2019, "event")
    need(sha(header[0]) == evidence[3] and [sha(one) for one in approval] == [one for one in [evidence[4]] if one], 2019, "event")
    registry = inputs("registry")
    need(len(registry) == 1, 2019, "registry")
    registry, lists = Signed(registry[0], "registry+cbor"), [Crl(der) for der in inputs("crl")]
    registrar(registry, trust.root, lists)
    known, bound, found, mandate = [Cert(der) for der in inputs("certificate")], Trust(registry, None, lists, 0), [], None
    def blame(holds, verdict, sub, code):
        if not holds:
            found.append([verdict, sub, code])
        return holds
    def parsed(data, kind):
        try:
            return Signed(data, kind)
        except Flaw as flaw:
            blame(False, FAILED, "FORMAT_FAILURE", flaw.code)
    def judge(one):
        cert = next((cert for cert in known if cert.digest == one.signer), None)
        if not blame(cert, OPEN, "NO_SIGNING_CERTIFICATE_FOUND", 2002):
            return None
        try:
            one.holds(cert)
        except Flaw as flaw:
            blame(False, FAILED, "SIG_CRYPTO_FAILURE" if flaw.code == 2001 else "CRYPTO_CONSTRAINTS_FAILURE", flaw.code)
        try:
            bound.path(cert, known, one.role, evidence[5])
        except Flaw as flaw:
            blame(False, flaw.of_path()[0], flaw.sub, flaw.code)
        try:
            who = cert.identity()
        except Flaw:
            return None
        blame(any(who[0] == member[1] for member in registry.value[5]), FAILED, "SIG_CONSTRAINTS_FAILURE", 2017)
        return who
    blame(evidence[5] <= registry.value[4], OPEN, "TRY_LATER", 2014)
    event = parsed(header[0], "event+cbor")
    if event:
        mandate, v, act = judge(event), event.value, None
        if v[8] is None:
            blame(not approval, FAILED, "SIG_CONSTRAINTS_FAILURE", 2020)
        elif blame(approval, OPEN, "SIGNED_DATA_NOT_FOUND", 2020) and blame(sha(approval[0]) == v[8], FAILED, "HASH_FAILURE", 2011):
            act = parsed(approval[0], "approval+cbor")
        author, mandate = mandate, mandate if v[8] is None else None
        if act:
            covers = blame([*act.value.values()] == [v[1], v[3], v[4], v[7]], FAILED, "SIG_CONSTRAINTS_FAILURE", 2020)
            official = judge(act)
            if official and blame(author and author[0] == official[0], FAILED, "SIG_CONSTRAINTS_FAILURE", 2007) and covers:
                mandate = official
    weight = {"FORMAT_FAILURE": 7, "HASH_FAILURE": 6, "SIG_CRYPTO_FAILURE": 6, "REVOKED": 5, "EXPIRED": 4, "NOT_YET_VALID": 4,
              "SIG_CONSTRAINTS_FAILURE": 3, "CHAIN_CONSTRAINTS_FAILURE": 2, "TRY_LATER": 0}
    worst = max(found, key=lambda one: (one[0], weight.get(one[1], 1)), default=[PASSED, "", 0])
    mandate = list(mandate) if mandate and not found else None
    need(evidence[9] == worst and evidence[8] == mandate, 2019, f"the inputs lead to {worst} for {mandate}")
def verify(data, given, told):
    certs, crls, trust = given.certs, given.crls, given.trust
    if data[:15] == b"ogic extract 1\n":
        told["kind"] = "extract"
        v = cbor(data[15:], 16 * MIB, 88, 2)
        row(a(bytes, lambda v: len(v) <= 4 * MIB), many(blob, 64), many(blob, 16))(v)
        data, certs, crls = v[0], certs + [*map(Cert, v[1])], crls + [*map(Crl, v[2])]
        told["kind"], trust = None, trust and Trust(trust.registry, trust.root, crls)
    elif sum(x == y for x, y in zip(data, MAGIC)) + 4 >= len(MAGIC):
        told["kind"] = "capsule"
        return capsule(data, given, told)
    if data[:1] != b"\xd2":
        receipt, told["kind"] = Receipt(data), "receipt frame"
        receipt.holds(Signed(receipt.cose, "checkpoint").value)
        data = receipt.cose
    told["kind"] = told["kind"] or "signed object"
    one = Signed(data)
    who = opened(one, given, certs, trust)
    need(one.kind != "checkpoint" or one.value["agency"] == who, 2007, "the origin is not the signer's")
    if one.kind == "evidence+cbor":
        replayed(one.value, given, certs, crls, trust)
def main():
    parser, worst, strange = argparse.ArgumentParser(description=__doc__.split("\n")[0]), PASSED, 0
    for flag in ("--trust", "--pin"):
        parser.add_argument(flag)
    for flag in ("--certs", "--crl"):
        parser.add_argument(flag, action="append", default=[])
    parser.add_argument("--at", type=lambda text: round(datetime.datetime.fromisoformat(text).timestamp() * 1000))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    given = Given(args)
    for file in args.files:
        told, verdict, flaw = {"kind": None, "step": None, "open": []}, PASSED, None
        try:
            verify(read(file), given, told)
            if told["open"]:
                verdict, (told["step"], flaw) = OPEN, told["open"][0]
        except Flaw as found:
            flaw, verdict = found, FAILED if told["kind"] == "capsule" else found.alone()
        worst, strange = max(worst, verdict if told["kind"] else PASSED), max(strange, 0 if told["kind"] else 2)
        said = {"file": file, "kind": told["kind"], "verdict": VERDICTS[verdict] if told["kind"] else None,
                "exit": EXITS[verdict] if told["kind"] else 2, "step": told["step"] if flaw else None, "problem": flaw and str(flaw)}
        print(json.dumps(said) if args.json else " ".join(str(one) for one in said.values() if one is not None))
    return EXITS[worst] if worst else strange
if __name__ == "__main__":
    sys.exit(main())
