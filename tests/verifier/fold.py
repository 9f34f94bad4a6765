"""The service definition, and the fold of a history, by PROTOCOL's "Service definition" and "The fold"."""
import re
import tomllib

from verifier.forms import (DAY, KIB, PASSED, Flaw, Signed, a, among, guarded, many, need, released, table,
                            truth)

HELD, PENDING, NONE = "held", "pending", "none"
OFFER, ACCEPT, DECLINE, RELEASE, TAKEN = CUSTODY = range(11, 16)
ANSWERS = (ACCEPT, DECLINE, TAKEN)
def definition(toml):
    def line(most):
        return a(str, lambda v: v.strip() and len(v.encode()) <= most and not re.search("[\0-\x1f\x7f-\x9f]", v))
    def few(shape, most=64 * KIB, key=lambda one: one):
        return a(list, lambda v: many(shape, most)(v) and len(set(map(key, v))) == len(v))
    v, word = guarded(1001, tomllib.loads, toml), a(str, lambda v: re.fullmatch("(?!-)[a-z0-9-]{1,64}(?<!-)", v))
    title, entry = table({"en": line(KIB), "ru": line(KIB)}), table(
        {"name": word, "type": among("text", "int", "bool"), "required": truth}, ("required",))
    optional = {"after": few(a(str)), "inputs": few(entry, 32, lambda one: one["name"]), "documents": few(line(255), 16),
                "on_silence": among("remind", "escalate", "grants"), "visible_to": few(among("citizen", "performers")),
                "optional": truth, "opening": truth, "refuses": truth}
    step = table(optional | {"id": word, "title": title, "performer": word,
                             "deadline_working_days": a(int, lambda v: 0 < v <= 520)}, optional)
    table({"id": word, "version": a(int, lambda v: v > 0), "title": title, "appeal": title,
           "step": few(step, 32, lambda one: one["id"])}, ("appeal",))(v)
    absent = {"after": [], "inputs": [], "documents": [], "optional": False, "opening": False, "refuses": False}
    steps, reached = {one["id"]: absent | one for one in v["step"]}, set()
    for _ in steps:
        reached |= {id for id, one in steps.items() if reached >= set(one["after"])}
    need(steps and len(reached) == len(steps), 1003, "a step that is never reached")
    need(sum(one["opening"] for one in steps.values()) < 2, 1003, "two openings")
    for one in steps.values():
        need(one["optional"] or not any(steps[id]["optional"] for id in one["after"]), 1003, "after an optional step")
        need("appeal" in v or not one["refuses"], 1003, "a refusal without appeal")
        need(not one["opening"] or one["performer"] == "home" and not one["after"], 1003, "opening")
    return steps, "appeal" in v
def form(step, body, complete):
    for one in step["inputs"]:
        value, required = body[1].get(one["name"]), complete and one.get("required")
        need(not required if value is None else type(value).__name__ == one["type"].replace("text", "str"), 1003, one["name"])
        need(not required or type(value) is not str or value.strip(), 1003, one["name"])
    need(not complete or set(step["documents"]) <= {one[4] for one in body[2]}, 1003, "documents")
class Fold:
    def __init__(self, home, toml):
        self.home, (self.steps, self.appeal), self.done, self.effects = home, definition(toml), set(), {}
        self.grants, self.pending, self.closed, self.head = {}, {}, False, None
        self.custody, self.moves = {}, 0
    def told(self, history):
        """What each event did; nothing is known of a history of which a part is not."""
        for record, who, v, body, _, _ in history:
            if who is None or body is None:
                return {}
            event, effect = record["event"], HELD
            try:
                try:
                    self.decide(record, who, v, body) if self.head else self.open(who, v, body)
                finally:  # what comes after an acceptance voids it, held or not
                    if "accept" in self.custody and "place" not in self.custody and v[3] not in (RELEASE, DECLINE):
                        del self.custody["accept"]
                if who != self.home and (v[8] is not None or body[2]) and v[3] not in CUSTODY:
                    self.pending[event], effect = (who, v), PENDING
                else:
                    self.take(record, who, v, body.get(3))
            except Flaw:
                effect = need(self.head, 3011, "an opening that is not allowed") and NONE
            self.head, self.effects[event] = [record["seq"], record["digest"]], effect
        return self.effects
    def open(self, who, v, body):
        opening = [one for one in self.steps.values() if one["opening"]]
        need(who == self.home and v[9] is None and body[3][2].strip(), 3011, "who opens the case, and whose it is")
        need(v[4] in [None] + [one["id"] for one in opening], 3006, "step")
        for step in opening:
            form(step, body, True)
            self.done.add(step["id"])
    def may_append(self, who, v, now):
        terms, stands = self.grants.get(v[9], ({}, False))
        need(v[9] is None if who == self.home else stands and terms[1] == who and now < terms[8]
             and (terms[3] if v[4] is None else v[4] in terms[3]), 3002, "grant")
    def step_open(self, v):
        need(v[3] != 2 or v[4] not in self.done and self.done >= set(self.steps[v[4]]["after"]), 3007, "step")
    def judge(self, detail):
        who, v = self.pending[detail[1]]
        said = detail[3] is not None and Signed(detail[3], "evidence+cbor").value
        need(said or detail[2][0] != PASSED, 2019, "no evidence")
        need(not said or [said[3], said[4]] == [detail[1], v[8]] and (said[8] is None or said[8][0] == who), 2019, "evidence")
        return max(detail[2][0], said[9][0] if said else PASSED)
    def may_answer(self, who, v, now):
        """Whoever the case was offered to accepts or declines under the offer, and takes what was released to it."""
        offer = self.custody
        need(offer and offer["to"] == who and (v[3] == TAKEN or v[9] == offer["id"]), 3021, "no offer to this agency")
        need(v[3] != ACCEPT or now < offer["expires"], 3004, "offer")
    def may_move(self, record, v, body):
        kind, detail, now = v[3], body.get(3), self.custody
        need(not body[1] and not body[2] and v[4] is None, 1003, "body")
        if kind == OFFER:
            need(not now and detail[2] and not detail[3] and self.moves < 64, 3021, "an offer")
        elif kind == ACCEPT:
            need(now and "accept" not in now, 3021, "an acceptance")
        elif kind == DECLINE:
            need(now and detail[1].strip(), 3021, "a decline")
        elif kind == RELEASE:
            need("accept" in now and "place" not in now, 3021, "a release")
            need([detail[1], detail[2], detail[3]] == [now["to"], now["id"], now["accept"]], 3021, "release of another offer")
        else:
            need("place" in now, 3021, "taken before it is released")
            notice, release, told = released(detail[2])
            need(detail[1] == self.home and notice.value[1] == record["case"] and told[2] == now["id"], 3021, "release")
            need([release["seq"], release["digest"]] == now["place"], 3021, "another release")
    def decide(self, record, who, v, body):
        now, kind, home, detail = record["at"], v[3], who == self.home, body.get(3)
        (self.may_answer if kind in ANSWERS and not home else self.may_append)(who, v, now)
        need("place" not in self.custody or who == self.custody["to"] and kind in (DECLINE, TAKEN), 3020, "the case has moved")
        allowed = (4, 5, 6, 8, OFFER, RELEASE) if home else ANSWERS
        need((kind in (2, 3) or kind in allowed) and not self.closed, 3011, "kind, or a closed case")
        need(v[2] == self.head or v[2][0] < self.head[0] and kind not in (8, ACCEPT, RELEASE, TAKEN), 3010, "head")
        need(v[4] is None or v[4] in self.steps, 3006, "step")
        if kind == 2:
            self.step_open(v)
            form(self.steps[v[4]], body, v[10] == 1)
        if kind in CUSTODY:
            self.may_move(record, v, body)
        if kind in (4, OFFER):
            need(detail[1] != self.home and (detail[2] or detail[3]) and detail[4].strip() and detail[5].strip(), 3016, "terms")
            need(all(id in self.steps and self.steps[id]["performer"] != "home" for id in detail[3]), 3016, "steps")
            need(now < detail[8] <= now + 731 * DAY and (not detail[7] or now < detail[7] <= detail[8]), 3016, "times")
        need(kind != 5 or self.grants.get(detail[1], ({}, False))[1], 3002, "grant")
        need(kind != 6 or detail[1] in self.pending and self.judge(detail) is not None, 1003, "evidence of nothing")
        if kind == 8 and v[10] in (1, 2):
            ended = {one[4] for _, one in self.pending.values() if one[3] == 2 and one[10] == 1}
            undone = {id for id, one in self.steps.items() if not one["optional"]} - self.done
            need(not ended - self.done and (v[10] == 2 or not undone), 3007, "a step that is open")
            need(v[10] == 1 or detail[1].strip() and self.appeal, 1003, "a refusal without reason or appeal")
        need(len(self.grants) < 256 or kind not in (4, OFFER), 4005, "grants")
        waits = not home and (v[8] is not None or body[2]) and kind not in CUSTODY
        need(len(self.pending) < 512 or not waits, 4005, "pending")
    def take(self, record, who, v, detail):
        kind, event, now = v[3], record["event"], self.custody
        self.done |= {v[4]} if kind == 2 and v[10] == 1 else set()
        self.grants |= {event: (detail, True)} if kind in (4, OFFER) else {}
        ended = detail[1] if kind == 5 else now["id"] if kind in (DECLINE, TAKEN) else None
        self.grants |= {ended: (self.grants[ended][0], False)} if ended else {}
        if kind == OFFER:
            self.custody = {"id": event, "to": detail[1], "expires": detail[8]}
        elif kind == ACCEPT:
            self.custody = now | {"accept": event}
        elif kind == RELEASE:
            self.custody = now | {"place": [record["seq"], record["digest"]]}
        elif kind in (DECLINE, TAKEN, 8) or now and ended == now["id"]:
            self.custody = {}
        if kind == TAKEN:
            self.home, self.moves = who, self.moves + 1
        if kind == 8:
            self.effects, self.pending, self.closed = self.effects | dict.fromkeys(self.pending, NONE), {}, True
        if kind == 6:
            verdict, (who, act), self.effects[detail[1]] = self.judge(detail), self.pending.pop(detail[1]), NONE
            try:
                need(verdict == PASSED, 2021, "verdict")
                self.may_append(who, act, record["at"])
                self.step_open(act)
                self.done |= {act[4]} if act[3] == 2 and act[10] == 1 else set()
                self.effects[detail[1]] = HELD
            except Flaw:
                pass
