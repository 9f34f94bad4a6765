# The texts of `ogic`. Names of flags, codes and identifiers are never translated. A key that is added here is added to
# ru.ftl in the same place: a test compares both.

## Errors

error-found = found
error-expected = expected
error-hint = hint:
error-parked = { $hint }; the refused event stays in the outbox: ogic outbox retry { $id } sends it again, ogic outbox drop { $id } --yes gives it up
start-authority = start the authority (ogic authority serve --data DIR), or name another folder with --data DIR or OGIC_DATA
start-ttp = start the trusted third party (ogic ttp serve --data DIR), or name another folder with --data DIR or OGIC_DATA
wrong-folder = name the folder of the daemon that this command is for with --data DIR or OGIC_DATA
print-unknown = what was asked for is done, and only its result is not shown; the names are those that --json shows, with dots between: log.size
token-damaged = copy the whole token, on one line; if it is lost, ask the authority for a new one: ogic authority token AGENCY
side-ours = on our own side
side-peer = on the other agency's side
side-authority = on the authority's side
side-ttp = on the trusted third party's side
side-caller = on the caller's side
usage-command = command
usage-arguments = arguments
usage-value = a value
usage-nothing = none
usage-beside = together with { $other }
usage-one = one of them
usage-known = a flag that the command knows
usage-hint = see { $command } --help
data-hint = name the folder that the daemon was started with: --data DIR, or export OGIC_DATA=DIR
confirm-choice = [y/N]
confirm-hint = it would have been asked: { $question } Repeat with --yes to say so beforehand
confirm-declined = nothing was changed
change-dry-run = Nothing is changed. This would be sent:
judged-home = The node finds nothing against it.
judged-performer = This node finds nothing against it; the home of the case decides when it is sent.
judged-nobody = No node was asked whether it may be done: name one with --data DIR.
change-repeat =
    find out by repeating; the change is made once, however often it is asked for:
      { $command }
change-again =
    { $hint }; then repeat:
      { $command }

## Help

help-usage = Usage:
help-options = Options
help-arguments = Arguments
help-commands = Commands
help-command = COMMAND
help-examples = Examples:
help-exits = Exit codes:

arg-help = Print this help
arg-version = Print the version
arg-data = The daemon's folder; otherwise the variable OGIC_DATA
arg-json = Print results and errors as JSON on stdout
arg-print = Print this one value of the result, such as event or log.size: a name that --json shows
arg-lang = Language of the texts: ru or en; otherwise OGIC_LANG, LC_ALL, LC_MESSAGES, LANG
arg-dry_run = Print what would be sent, and change nothing; an act on a case is judged by the node that --data names
arg-idempotency_key = Ask under this key: the change is made once, however often it is repeated (16 to 64 characters A-Z a-z 0-9 _ -)
arg-yes = Do not ask before a change that cannot be taken back
arg-case = The case: 64 hex digits
arg-event = The event: 64 hex digits
arg-key = The official's private key (PEM, mode 600); stays on this machine
arg-cert = The official's certificate, then the CAs above it (PEM)
arg-fields = A field of the form: name=text, or name:=42, name:=true, name:=false; may be repeated
arg-documents = A file to bring as a document, as FILE or LABEL=FILE; the label is otherwise the file's name without its ending; may be repeated
arg-purpose = What the case is looked at for; stands in the home's access log
arg-head = Refuse (OGIC-3010, exit 9) unless this record is the newest: SEQ:RECORD as case show prints it; of another agency's case the home is asked just before the event is sent
arg-reason = Why; stands in the history
arg-out = The new file to write
arg-steps = A step the agency may append to; may be repeated
arg-file = The file
arg-token = The token, or - to read it from stdin; as an argument it would be seen by other users of the machine
arg-token_file = A file that holds the token
arg-listen = The address to bind, IP:PORT; port 0 takes a free one
arg-advertised = The address that others are told, if it is not the one that is bound; may be repeated
arg-at_most = How long at most, 60s if not given; then it fails with exit code 7
arg-window = Most messages on their way to one agency at once, from 1 to 512; 64 if not given

cmd = Agencies work on one citizen's case, with proof in hand
cmd-demo = Watch a case worked on by three agencies, in a federation of real processes on this machine
    .keep = Leave the daemons running, and print how to talk to them
    .seed = The number that the play's random moments follow from; otherwise drawn
    .dir = The new or empty folder to play in, which is kept; otherwise a temporary one
    .examples =
        ogic demo
        ogic demo --keep
        ogic demo --json --seed 7
cmd-bench = Measure what this machine makes of the exchange and of the store, beside what it does without them
cmd-bench-exchange = Measure two nodes: signed events waiting in one's outbox, until their receipts are verified and stored
    .messages = Messages of a row, 10000 if not given; a row with few in flight takes 2000 for each of these
    .in_flight = Messages on their way at once, a row each; 1,64,512 if not given
    .cases = Cases that the messages are about, 16 if not given
    .dir = The new or empty folder to work in, which is kept; otherwise a temporary one
    .examples =
        ogic bench exchange
        ogic bench exchange --messages 20000 --in-flight 64,512 --json
        ogic bench exchange --dir /var/tmp/bench
cmd-bench-store = Measure the rows that follow the journal, in sled and in memory, and the journal alone
    .cases = Cases, 1000 if not given
    .records = Records, 200000 if not given; a row of the journal takes at most 2000 commits
    .dir = The new or empty folder to work in, which is kept; otherwise a temporary one
    .examples =
        ogic bench store
        ogic bench store --records 1000000 --dir /var/tmp/bench --json
cmd-authority = The certificate authority: tokens, members, certificates, revocations
cmd-authority-init = Found an authority in a new folder
    .federation = The federation's domain
    .authority = The authority's own agency id within it
    .name_en = The authority's name in English
    .name_ru = The authority's name in Russian
    .certificate_life = Life of a member's certificate: 24h, 60d
    .registry_life = Life of a version of the registry and of a revocation list
    .examples = ogic authority init --data authority --federation gov.example --authority authority.gov.example
cmd-authority-serve = Run the authority's daemon
    .examples = ogic authority serve --data authority --listen 192.0.2.1:4720
cmd-authority-token = Make a one-time token, with which an agency or an official enrols
    .agency = The agency the token is for
    .role = What is enrolled: node (with its seal), ttp, or official/<name>
    .name_en = The agency's name in English
    .name_ru = The agency's name in Russian
    .level = federal, regional, municipal or service
    .parent = The agency above it
    .ttl = How long the token may be used: 30s, 15m, 24h, 7d
    .examples =
        ogic authority token health.gov.example --name-en 'Ministry of Health' --name-ru 'Минздрав' --level regional
        ogic authority token transport.gov.example --role official/licensing-1 --ttl 1h
cmd-authority-members = List the federation's members
    .examples = ogic authority members --data authority
cmd-authority-issued = List the certificates that were issued, and which are revoked
    .examples = ogic authority issued --json
cmd-authority-revoke = Take certificates back; cannot be undone
    .what = An identity such as ogic://health.gov.example/official/doctor-1, or a serial number in hex
    .reason = unspecified, key-compromise, affiliation-changed, superseded, cessation-of-operation or privilege-withdrawn
    .examples = ogic authority revoke ogic://health.gov.example/official/doctor-1 --reason key-compromise
cmd-authority-registry = Save the signed registry, or the CRL
    .crl = The CRL instead of the registry
    .examples =
        ogic authority registry --out registry.cose
        ogic authority registry --crl --out authority.crl
cmd-ttp = The trusted third party
cmd-ttp-init = Join the federation as a trusted third party, with a token for the role ttp
    .examples = ogic ttp init --token-file token --data ttp
cmd-ttp-serve = Run the trusted third party's daemon
    .examples = ogic ttp serve --data ttp --listen 192.0.2.2:4720
cmd-ttp-evidence = List the evidence that was given, or save one event's
    .examples =
        ogic ttp evidence --data ttp
        ogic ttp evidence EVENT --out evidence.ogic
cmd-node = An agency's node
cmd-node-join = Join the federation with a token for the role node
    .examples =
        ogic node join --token-file token --data transport
        ogic node join - --data transport
cmd-node-serve = Run the node's daemon
    .examples = ogic node serve --data transport --listen 192.0.2.3:4720
cmd-node-checkpoint = Save the newest checkpoint of this node's log as a file that verifies offline
    .examples = ogic node checkpoint --out checkpoint.ogic --data /var/lib/ogic
cmd-official = Officials, who approve with keys of their own
cmd-official-enrol = Make an official's key, and have it certified with a token for official/<name>
    .out = The folder for official.key and official.pem
    .examples = ogic official enrol --token-file token --out licensing-1
cmd-case = Work on cases
cmd-case-open = Open a citizen's case under a published service
    .service = The service: the digest of its definition, or its name for the newest version that the node holds
    .citizen = The citizen, by this agency's own pseudonym
    .examples =
        ogic case open --service driving-licence --citizen p-4711 --field category=B --document application.pdf
        ogic case open --service driving-licence --citizen p-4711 --key official.key --cert official.pem
cmd-case-list = List the cases that this node holds or has a reference to
    .examples = ogic case list --json
cmd-case-show = Show a case: plan, rights and history
    .examples =
        ogic case show CASE
        ogic case show CASE --purpose 'medical examination'
cmd-case-event = Append work on a step, or a note
    .kind = step or note
    .step = The step of the plan
    .code = How the step stands: going, done or not-possible
    .received = When the task came in: RFC 3339 (2026-12-01T15:00:00+03:00), or a date, meaning its end in UTC
    .started = When work began
    .ended = When work ended
    .wait = How long to wait for the home's receipt, at most 45s; the event is sent in any case
    .examples =
        ogic case event CASE --step medical --code done --document certificate.pdf --key official.key --cert official.pem
        ogic case event CASE --kind note --field text='The citizen will bring the original'
cmd-case-share = Grant another agency a right to the case
    .to = The agency
    .read = It may read history, plan and documents
    .purpose = What for
    .ground = On which legal ground
    .performer = Which unit or office is to perform
    .deadline = Until when the work is due: RFC 3339, or a date, meaning its end in UTC, or a span from now such as 10d
    .expires = When the right ends by itself: RFC 3339, or a date, meaning its end in UTC, or a span from now such as 14d
    .examples = ogic case share CASE --to health.gov.example --read --step medical --purpose 'medical examination' --ground 'Order 344n' --performer 'Outpatient clinic 3' --deadline 2026-12-01 --expires 2026-12-15
cmd-case-unshare = Revoke a right; it ends at once
    .grant = The right: 64 hex digits, as case show prints it
    .examples = ogic case unshare CASE GRANT --reason 'examination withdrawn'
cmd-case-offer = Offer the custody of a case to another agency, which may read all of it
    .to = The agency
    .purpose = Why the case is given on
    .ground = On which legal ground
    .performer = Which unit or office is to take it
    .expires = When the offer ends by itself: RFC 3339, or a date, meaning its end in UTC, or a span from now such as 14d
    .examples =
        ogic case offer CASE --to transport.gov.example --purpose 'the applicant has moved' --ground 'Act 210, section 15' --expires 2026-12-15
        ogic case unshare CASE GRANT --reason 'not needed any more' --yes
cmd-case-accept = Accept the custody of a case that was offered: its history and documents are fetched and verified first
    .wait = How long to wait for the case to come, at most 45s; the acceptance is sent in any case
    .examples = ogic case accept CASE --key official.key --cert official.pem
cmd-case-decline = Decline the custody of a case that was offered
    .wait = How long to wait for the home's receipt, at most 45s; the answer is sent in any case
    .examples = ogic case decline CASE --reason 'the applicant lives in another district'
cmd-case-close = Close a case; cannot be undone
    .outcome = How it ended: granted, refused or withdrawn
    .examples = ogic case close CASE --outcome granted --reason 'all steps are done' --yes
cmd-case-export = Export a case as a capsule, which verifies offline
    .examples = ogic case export CASE --out case.ogic
cmd-case-receipt = Save the receipt of an event as a file that verifies offline
    .examples =
        ogic case receipt EVENT --out receipt.ogic
        ogic verify receipt.ogic --trust /var/lib/ogic
cmd-case-evidence = Save the trusted third party's evidence about an event of a case held here, as a file that verifies offline
    .examples =
        ogic case evidence EVENT --out evidence.ogic
        ogic verify evidence.ogic --trust /var/lib/ogic
cmd-case-access = Show who looked at a case; refused tries too
    .examples = ogic case access CASE
cmd-document = Documents, named by what they are
cmd-document-add = Bring files to the node, and print their SHA-256
    .files = The files
    .media_type = The media type, if the name's ending does not tell it
    .examples = ogic document add application.pdf
cmd-document-get = Save a document; its digest is checked before it appears
    .sha256 = The document's SHA-256, as sha256sum prints it
    .case = The case it belongs to, if another agency holds it
    .examples = ogic document get DIGEST --case CASE --out certificate.pdf
cmd-document-list = List the documents of a case
    .examples = ogic document list CASE
cmd-service = Definitions of public services
cmd-service-check = Check a definition: every step has a deadline, every refusal an appeal
    .file = The definition (TOML)
    .examples = ogic service check driving-licence.toml
cmd-service-publish = Publish a definition under this node's seal
    .file = The definition (TOML)
    .examples = ogic service publish driving-licence.toml
cmd-service-list = List the definitions that this node holds
    .examples = ogic service list
cmd-service-example = Print a definition to begin with, which the demo uses too
    .examples = ogic service example
cmd-status = Show how the daemon is
    .examples =
        ogic status --data /var/lib/ogic
        ogic status --json
cmd-peers = List the agencies of the registry, and who is connected
    .examples = ogic peers
cmd-outbox = What waits to be delivered to other agencies
cmd-outbox-list = List what waits, and what was parked
    .examples = ogic outbox list
cmd-outbox-retry = Send a parked item again
    .item = The item's id, as outbox list prints it
    .examples = ogic outbox retry EVENT
cmd-outbox-drop = Give a parked item up: it is not sent again
    .item = The item's id, as outbox list prints it
    .examples = ogic outbox drop EVENT --yes
cmd-trace = Show what became of an event
    .examples = ogic trace EVENT
cmd-wait = Wait until something is so: for scripts, in place of looking again and again
cmd-wait-ready = Wait until the daemon of the folder answers
    .examples = ogic wait ready --data transport
cmd-wait-peers = Wait until the node is connected with every other member of the registry
    .examples = ogic wait peers --data transport --for 2m
cmd-wait-outbox = Wait until all that the node sends has its receipt; a message that was refused is an error
    .examples = ogic wait outbox --data health
cmd-wait-registry = Wait until the daemon holds this version of the registry, or a newer one
    .version = The version, as status shows it
    .examples = ogic wait registry 12 --data transport
cmd-wait-event = Wait until an event has its place at the home, and its verdict where it needs one
    .examples = ogic wait event EVENT --data health
cmd-verify = Judge files offline: capsules, evidence, receipts, checkpoints, other signed objects, certificates, revocation lists
    .files = The files; what each is, is told by its content
    .trust = What is trusted: a registry file with --pin, or a daemon's folder
    .pin = The SHA-256 of the root certificate, or the pin.toml that join wrote
    .certs = Certificates of signers, PEM or DER, for what does not carry them
    .crl = Further revocation lists, DER
    .at = For which time it is judged; otherwise when it says that it was made
    .explain = Show every check, not only those that did not hold
    .examples =
        ogic verify case.ogic --trust registry.cose --pin pin.toml
        ogic verify case.ogic --trust /var/lib/ogic --explain
cmd-explain = Explain a code: what happened, what to do, whose side is at fault
    .code = A code such as OGIC-3003 or 3003
    .all = Every code
    .examples =
        ogic explain OGIC-3003
        ogic explain --all --json

## Words of answers

value-true = yes
value-false = no
value-fresh = fresh
value-stale = stale: what was known goes on, nothing new is trusted
value-refused = refused: no trust without new data of the authority
level-federal = federal
level-regional = regional
level-municipal = municipal
level-service = service of the federation
role-home = home
role-performer = performer
role-offered = offered to us
role-former-home = former home
custody-offered = offered to
custody-accepted = accepted by
custody-released = released to
kind-open = open
kind-step = step
kind-note = note
kind-share = share
kind-unshare = unshare
kind-evidence = evidence
kind-close = close
kind-offer = offer
kind-accept = accept
kind-decline = decline
kind-release = release
kind-taken = taken
kind-custody = custody
kind-event = event
kind-reference = reference
kind-verdict = verdict
kind-notice = notice
delivery-recorded = recorded
delivery-waiting = waiting
delivery-in-flight = in flight
delivery-receipted = receipted
delivery-refused = refused
delivery-parked = parked
delivery-dropped = given up
right-revoked = right revoked
right-expired = right expired
looked-for-own-work = own work
looked-for-export = export
looked-for-history-export = history export
looked-for-document = document
looked-for-append = append
looked-for-newest-record = newest record
trace-pending-true = yes: it has its place, and takes effect when the third party's evidence is recorded; ask again
trace-pending-false = no
outcome-granted = granted
outcome-refused = refused
outcome-withdrawn = withdrawn
outcome-handed-over = handed over
outcome-lapsed = lapsed
case-is-open = open
case-is-suspended = suspended
case-is-closed = closed
state-planned = planned
state-open = open
state-going = going
state-pending = pending
state-done = done
state-not-possible = not possible
effect-held = held
effect-pending = pending
effect-none = none
exit-0 = 0 (done, or nothing to do)
exit-1 = 1 (failed)
exit-2 = 2 (usage)
exit-3 = 3 (not found)
exit-4 = 4 (refused by policy)
exit-5 = 5 (signature or evidence invalid)
exit-6 = 6 (trust undecidable)
exit-7 = 7 (peer or authority unreachable: a retry makes sense)
exit-8 = 8 (local store or disk)
exit-9 = 9 (conflict: reread and repeat)
exit-10 = 10 (warnings under --strict; reserved)

## Results

daemon-ready = { $agency } answers at { $endpoint }; local API at { $socket }
founded = { $federation } founded in { $folder }; SHA-256 of the root { $root }
joined = { $folder } speaks for { $identities } until { $until }
joined-again = { $folder } speaks for { $identities } until { $until }, as before: this token was used here already
saved = { $file }: { $bytes ->
    [one] { $bytes } byte
   *[other] { $bytes } bytes
}
extract-saved = { $file }: { $bytes } bytes; check it with ogic verify
act-recorded = recorded as { $seq } of case { $case }, event { $event }
act-waiting = on its way, without a receipt yet; see ogic trace { $event }
case-opened = { $case }
case-shared = { $agency } has the right until { $expires }: { $grant }
case-unshared = right revoked: { $grant }
case-offered = { $agency } may take the custody until { $expires }: offer { $offer }
case-taken = the case is ours: { $case }
case-accepted = accepted, and the case is not here yet: { $case }; see ogic case show
case-closed = case closed as { $outcome }: { $case }
case-exported = { $file }: { $bytes } bytes; check it with ogic verify
unshare-question = Revoke the right { $grant } now?
close-question = Close the case { $case } as { $outcome }? It cannot be opened again.
revoke-question = Revoke { $what }? This cannot be undone.
revoked = { $serial } revoked at { $at }, in CRL { $crl }
token-once = For { $agency }, to be used once; hand it over by a channel that nobody else reads:
waited-ready = { $agency } answers at { $endpoint }
waited-peers = connected with { $count } { $count ->
    [one] member
   *[other] members
}
waited-outbox = everything has its receipt
waited-registry = registry version { $version } is here
service-checked = { $service }, version { $version }: nothing to object to
service-published = { $service }, version { $version }: { $digest }
drop-question = Give up { $item }? It is not sent again.
outbox-dropped = { $item } is given up
outbox-retried = { $item } will be sent again
outbox-count = { $count ->
    [one] { $count } event
   *[other] { $count } events
}

outbox-parked-count = { $count ->
    [one] { $count } was refused and is parked: ogic outbox retry ID sends it again, ogic outbox drop ID --yes gives it up
   *[other] { $count } were refused and are parked: ogic outbox retry ID sends one again, ogic outbox drop ID --yes gives it up
}

status-agency = agency
status-version = release
status-endpoint = endpoint
status-trust = trust
status-read-only = read-only
status-alarms = alarms
status-peers = peers connected
status-registry-version = registry version
status-registry-expires = registry expires
status-log-origin = log
status-log-size = log size
status-log-root = log root
status-outbox-waiting = outbox: waiting
status-outbox-in-flight = outbox: in flight
status-outbox-parked = outbox: parked
status-evidence = evidence given
status-problem = problem
status-refreshed-at = registry refreshed
status-refreshed-from = registry refreshed from
status-refreshed-problem = registry: last problem
status-counters-events = events recorded
status-counters-receipts = receipts given
status-counters-receipts-taken = receipts taken
status-counters-evidence = evidence recorded
status-counters-commits = commits
status-counters-syncs = syncs
status-counters-signatures = signatures made
status-counters-verified = signatures verified
status-counters-bytes = bytes written
status-counters-refused = refusals given
status-federation = federation
status-root = SHA-256 of the root
status-registry-issued = registry issued
status-crl-number = revocation list
status-crl-revoked = certificates revoked
status-crl-next-update = next revocation list
status-members = members
status-issued = certificates issued
status-tokens-open = tokens not used yet
status-verdicts = verdicts
status-verdicts-total-passed = verdicts TOTAL-PASSED
status-verdicts-indeterminate = verdicts INDETERMINATE
status-verdicts-total-failed = verdicts TOTAL-FAILED

peers-agency = agency
peers-name = name
peers-level = level
peers-connected = connected
peers-since = since
peers-endpoints = endpoints
peers-problem = last problem
members-parent = parent
issued-serial = serial
issued-identity = identity
issued-not-before = not before
issued-not-after = not after
issued-revoked = revoked
outbox-id = id
outbox-peer = to
outbox-case = case
outbox-kind = kind
outbox-state = state
outbox-tries = tries
outbox-next = next try
outbox-problem = problem
trace-event = event
trace-case = case
trace-state = state
trace-seq = record
trace-pending = pending
trace-verdict = verdict
trace-reason = reason
trace-problem = problem
evidence-event = event
evidence-requester = for
evidence-at = at
evidence-verdict = verdict
evidence-sub = sub-indication
document-seq = record
document-author = author
document-sha256 = SHA-256
document-bytes = bytes
document-type = type
document-label = label
service-name = service
service-version = version
service-digest = digest
service-performer = performer
service-after = after
service-days = working days
explain-what = what
explain-do = what to do
explain-side = side
explain-exit = exit code
explain-http = HTTP

case-id = case
case-title = title
case-status = status
case-role = role
case-home = home
case-next = next steps
case-citizen = citizen
case-service = service
case-head = head
case-pending = pending
case-custody = custody
show-moved = { $from } gave it to { $to } at { $at }
case-none = no cases
access-at = at
access-who = who
access-purpose = purpose
access-answer = answer
access-tries = tries
access-grant = right
access-answered = answered
show-plan = Plan
show-grants = Rights of other agencies
show-history = History
show-due = due { $at }
show-revoked = revoked { $at }
right-read = read
plan-when = when
plan-state = state
plan-step = step
plan-title = title
plan-who = who
grant-to = agency
grant-rights = may
grant-purpose = purpose
grant-ground = ground
grant-performer = performer
grant-deadline = due
grant-ends = until
grant-id = right
history-seq = seq
history-received = received
history-author = author
history-kind = kind
history-step = step
history-code = code
history-approved = approved by
history-effect = effect
history-verdict = verdict
history-event = event

## Demo

demo-begins = Playing in { $folder }, seed { $seed }.
demo-step-federation = an authority, a trusted third party and three agencies joined by one-time tokens and found each other in registry { $registry }
demo-step-open = the city opens case { $short } for citizen { $citizen }: an application of { $bytes } bytes, approved by { $official }
demo-step-custody = the city offers the case to transport, which verifies all of it and takes it: record { $seq }; one home at every moment, and the city says where it went ({ $code })
demo-step-share = transport hands the step { $steps } to health by a signed reference: { $purpose }, { $ground }, { $performer }, due { $due }, until { $until }
demo-step-examine = health reads the case and brings a certificate of { $bytes } bytes: record { $seq }, receipted; home and third party say { $verdict } (evidence: record { $evidence_seq })
demo-step-revoked = health brings an act of { $official }, who was revoked: record { $seq }, receipted, no effect; home and third party say { $ttp }, both sides are told { $code }
demo-step-unshare = transport takes the right back: health is refused at once ({ $code }, exit { $exit }); its looks ({ $looks }) and the refused try ({ $refused }) stand in the access log
demo-step-crash = health is killed after { $killed_after } of { $sent } events, back in { $back_ms } ms on another port, { $repeated } repeated: { $compared } compared with both sides, nothing lost, nothing twice
demo-step-close = transport decides and closes the case as granted, and exports it: { $records } records, { $bytes } bytes
demo-step-stop = { $keep ->
    [yes] all { $daemons } daemons are stopped for the verification, and start again after it
   *[no] all { $daemons } daemons are stopped
}
demo-step-verify = offline the capsule verifies against the pinned registry; with one bit changed, at { $flips } places, it fails each time (exit { $exit }) and names where
demo-step-forged = a capsule forged whole under another authority is undecidable (exit { $exit }), never passed
demo-name-federation = the federation comes up
demo-name-open = a case is opened
demo-name-custody = the custody moves
demo-name-share = a step is handed over
demo-name-examine = the other agency works on it
demo-name-revoked = a revoked official
demo-name-unshare = a right is taken back
demo-name-crash = a node is killed
demo-name-close = the case is closed
demo-name-stop = the daemons are stopped
demo-name-verify = the capsule is verified
demo-name-forged = a forged capsule
demo-figure-events = events recorded
demo-figure-receipts = receipts
demo-figure-evidence = evidence of the third party
demo-figure-bytes = bytes written to journals
demo-figure-commits = commits
demo-figure-syncs = syncs
demo-figure-signatures = signatures made
demo-figure-verified = signatures verified
demo-figure-refused = refusals
demo-figure-send-to-receipt-p50-ms = send to receipt, median (ms)
demo-figure-send-to-receipt-p99-ms = send to receipt, 99th percentile (ms)
demo-figure-capsule-bytes = bytes of the capsule
demo-figure-total-ms = all of it (ms)
demo-next =
    What to try next:
      ogic demo --keep       the same, left running, with commands to talk to each daemon
      ogic demo --seed 7     another moment of the kill
      ogic explain OGIC-3003 what a refusal means and what to do
      ogic case --help       the commands that the demo's people used
demo-interrupted = Interrupted; every daemon was ended.
demo-kept = Left running in { $folder }. Talk to the daemons, and stop them with the last line:
demo-failed =
    { $hint }
    {"      "}step    { $step }
    {"      "}folder  { $folder }
    {"      "}logs
    {"      "}{ $logs }

## What ogic bench tells

bench-federation = Two nodes join a federation …
bench-messages = { $messages } messages are sealed and wait in the outbox, for { $flight } in flight …
bench-exchange = { $messages } messages go, { $flight } in flight …
bench-store = { $records } records go into { $store } …
bench-journal = The journal, { $batch } records a commit …
bench-failed = what it left lies in { $folder }; read node.log in the folders of home and sender
bench-in-flight = in flight
bench-messages-count = messages
bench-messages-per-s = messages/s
bench-of-baseline = of verifications
bench-p50-us = p50 µs
bench-p99-us = p99 µs
bench-home-syncs = syncs, home
bench-home-signatures = signatures, home
bench-sender-syncs = syncs, sender
bench-costs = Microseconds of a processor a message (of sync: of the clock):
bench-part = part
bench-side-home = home
bench-side-sender = sender
bench-part-verify = verify
bench-part-take = take
bench-part-decide = decide
bench-part-write = write
bench-part-sync = sync
bench-part-publish = publish
bench-part-sign = sign
bench-part-receipt = receipt
bench-part-answer = answer
bench-part-deliver = deliver
bench-part-follow = follow
bench-part-exchange = exchange
bench-part-all = all
bench-store-name = store
bench-records = records
bench-records-per-s = records/s
bench-bytes = bytes
bench-reopen-ms = reopen ms
bench-rebuild-ms = rebuild ms
bench-case-p50-us = case p50 µs
bench-case-p99-us = case p99 µs
bench-batch = in a commit
bench-commits-per-s = commits/s
bench-sync-p50-us = sync p50 µs
bench-sync-p99-us = sync p99 µs
bench-ed25519-verify-per-s = Ed25519 verifications/s of ring on one core, in the same run
bench-append-sync-per-s = appends of 4 KiB with fdatasync/s, in the same run
bench-machine = { $cores } cores, load { $load } at the beginning
bench-machine-memory = { $cores } cores, load { $load } at the beginning; the folder lies in memory, so that nothing was durable

## What ogic verify recognises

verify-kind-capsule = capsule
verify-kind-signed-object = signed object
verify-kind-event-header = event header
verify-kind-approval = approval
verify-kind-checkpoint = checkpoint
verify-kind-reference = reference
verify-kind-refusal = refusal
verify-kind-verdict-notice = verdict notice
verify-kind-custody-notice = custody notice
verify-kind-evidence = evidence
verify-kind-registry = registry
verify-kind-service-definition = service definition
verify-kind-announcement = announcement
verify-kind-capsule-manifest = capsule manifest
verify-kind-receipt-frame = receipts
verify-kind-revocation-list = revocation list
verify-kind-certificate = certificate
verify-kind-extract = extract

verify-fact-approval = approval
verify-fact-case = case
verify-fact-documents = documents
verify-fact-event = event
verify-fact-events = event
verify-fact-evidence = evidence
verify-fact-heads = heads of cases
verify-fact-home = home
verify-fact-identity = signed by
verify-fact-leaves = leaves
verify-fact-lists = newest revocation list
verify-fact-made = made
verify-fact-next-update = next list
verify-fact-not-after = valid until
verify-fact-not-before = valid from
verify-fact-number = number
verify-fact-origin = log
verify-fact-outcome = outcome
verify-fact-records = records
verify-fact-requester = asked by
verify-fact-revoked = revoked
verify-fact-says = says
verify-fact-sha256 = SHA-256
verify-fact-signer = signer's certificate
verify-fact-size = leaves of the log
verify-fact-status = status
verify-fact-sub = because
at-byte = at byte
verify-no-trust = Nothing was given to trust (--trust): who signed is undecided.
verify-no-trust-checks = Nothing was given to trust (--trust): who signed is undecided. { $held } checks that need no trust held: form, digests, chain of records, proofs, and signatures by the certificates that the file carries.
verify-no-trust-object = Nothing was given to trust (--trust): who signed is undecided. Its form holds, and its signature by the certificate at hand.
verify-no-trust-receipt = Nothing was given to trust (--trust): who signed is undecided. Its form and proofs hold, and its checkpoint's signature by the certificate at hand.
