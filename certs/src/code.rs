//! The table of codes: number, whose side is at fault, HTTP status, exit code, sentence and hint in English and
//! Russian. Everything that maps an error to somewhere reads this table and nothing else.

use std::fmt;

/// Whose turn it is to act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// This node, its operator, its disk.
    Ours,
    /// The agency at the other end.
    Peer,
    /// The certificate authority.
    Authority,
    /// The trusted third party.
    Ttp,
    /// Whoever made the request.
    Caller,
}

impl Side {
    /// The word used in `--json` and in the local API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Peer => "peer",
            Self::Authority => "authority",
            Self::Ttp => "ttp",
            Self::Caller => "caller",
        }
    }
}

impl Side {
    /// The same side in the words of the other end: what a peer says of itself, or of us, turned round.
    #[must_use]
    pub const fn as_told_by_peer(self) -> Self {
        match self {
            Self::Ours => Self::Peer,
            Self::Peer => Self::Ours,
            Self::Authority | Self::Ttp | Self::Caller => self,
        }
    }
}

macro_rules! codes {
    ($($number:literal $name:ident $side:ident $http:literal $exit:literal
        $en:literal $ru:literal $hint_en:literal $hint_ru:literal;)+) => {
        /// A stable code, printed as `OGIC-` and four digits. Numbers are never reused.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = $en] $name = $number,)+
        }

        impl Code {
            /// Every code in order of number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The number on the wire.
            pub const fn number(self) -> u64 {
                self as u64
            }

            /// The code of a number, if this release knows it.
            pub const fn from_number(number: u64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// Whose turn it is to act.
            pub const fn side(self) -> Side {
                match self {
                    $(Self::$name => Side::$side,)+
                }
            }

            /// The HTTP status of the local API.
            pub const fn http(self) -> u16 {
                match self {
                    $(Self::$name => $http,)+
                }
            }

            /// The exit code of the command.
            pub const fn exit(self) -> u8 {
                match self {
                    $(Self::$name => $exit,)+
                }
            }

            /// What happened, in English.
            pub const fn sentence_en(self) -> &'static str {
                match self {
                    $(Self::$name => $en,)+
                }
            }

            /// What happened, in Russian.
            pub const fn sentence_ru(self) -> &'static str {
                match self {
                    $(Self::$name => $ru,)+
                }
            }

            /// What to do next, in English.
            pub const fn hint_en(self) -> &'static str {
                match self {
                    $(Self::$name => $hint_en,)+
                }
            }

            /// What to do next, in Russian.
            pub const fn hint_ru(self) -> &'static str {
                match self {
                    $(Self::$name => $hint_ru,)+
                }
            }
        }
    };
}

// number name side HTTP exit · sentence en · sentence ru · hint en · hint ru
codes! {
    1001 Malformed Caller 400 2
        "the input is not well-formed"
        "входные данные построены неверно"
        "compare the field named above with PROTOCOL.md, or with the example in the command's --help"
        "сравните названное поле с PROTOCOL.md или с примером в --help команды";
    1002 TooLarge Caller 413 2
        "the input is larger than its limit"
        "входные данные больше допустимого"
        "shorten the field; what does not fit into an event's body goes as a document (ogic document add)"
        "сократите поле; что не помещается в тело события, передаётся документом (ogic document add)";
    1003 ValueRefused Caller 400 2
        "a value is outside of what is allowed here"
        "значение здесь недопустимо"
        "give one of the values expected for the field and repeat"
        "укажите одно из ожидаемых значений поля и повторите";
    1004 KindMismatch Caller 422 5
        "the signed object is of another kind than this place takes"
        "подписанный объект иного вида, чем здесь принимается"
        "check which file or object was given: its content type says what it was signed as"
        "проверьте, какой файл или объект передан: его тип содержимого говорит, как что он подписан";
    1005 Usage Caller 400 2
        "the command or request cannot be understood"
        "команда или запрос непонятны"
        "see the command's --help; its examples can be copied"
        "посмотрите --help команды; примеры оттуда можно скопировать";
    1006 NotFound Caller 404 3
        "there is no such thing here"
        "здесь такого нет"
        "check what is named above: an id is 64 hex digits, whole; a path is taken from where the command runs; --data names the daemon's folder"
        "проверьте названное выше: идентификатор состоит из 64 шестнадцатеричных цифр, путь берётся от текущей папки, --data указывает папку демона";
    1007 KeyConflict Caller 409 9
        "the idempotency key was used for another request"
        "этот ключ идемпотентности уже использован для другого запроса"
        "repeat the first command unchanged to get its answer, or leave out --idempotency-key for a new change"
        "повторите прежнюю команду без изменений, чтобы получить её ответ, или не указывайте --idempotency-key для нового изменения";
    1008 CallerForbidden Caller 403 4
        "this local user may not use the node"
        "этому локальному пользователю узел недоступен"
        "run the command as the user that runs the node, or as root"
        "выполните команду от имени пользователя, под которым работает узел, или от root";
    1009 NameRefused Caller 400 2
        "a name is not in its canonical form"
        "имя записано не в канонической форме"
        "write agencies as transport.gov.example and officials as official/licensing-1: lower case, digits, hyphens"
        "пишите ведомства как transport.gov.example, должностных лиц как official/licensing-1: строчные латинские буквы, цифры, дефисы";
    2001 SignatureInvalid Peer 422 5
        "the signature does not verify"
        "подпись неверна"
        "do not use the object; ask its signer for the original bytes, and tell them if those fail too"
        "не используйте объект; запросите у подписавшего исходные байты и сообщите ему, если не сходятся и они";
    2002 CertificateUnknown Peer 422 6
        "the signer's certificate is not known here"
        "сертификат подписавшего здесь неизвестен"
        "have the sender supply the certificate with the object, then repeat"
        "пусть отправитель передаст сертификат вместе с объектом; затем повторите";
    2003 PathInvalid Caller 422 5
        "the certificate's path does not lead to a trusted anchor as RFC 5280 demands"
        "цепочка сертификата не ведёт к доверенному корню по правилам RFC 5280"
        "the field names the certificate and the rule; its holder must have a proper one issued by the authority"
        "поле называет сертификат и правило; владелец должен получить надлежащий сертификат в удостоверяющем центре";
    2004 CertificateExpired Peer 422 5
        "the certificate is outside of its validity"
        "сертификат вне срока действия"
        "compare both sides' clocks; if they are right, the holder must enrol again with a new token of the authority"
        "сверьте часы обеих сторон; если они верны, владелец должен зарегистрироваться заново по новому токену удостоверяющего центра";
    2005 CertificateRevoked Peer 422 5
        "the certificate has been revoked"
        "сертификат отозван"
        "the act must be signed again under a valid certificate; ask the authority why this one was revoked"
        "действие надо подписать заново действующим сертификатом; причину отзыва спросите у удостоверяющего центра";
    2006 TrustUndecidable Ours 422 6
        "trust cannot be decided with what is at hand"
        "по имеющимся данным о доверии судить нельзя"
        "supply what is named above (a certificate, revocation data, or the right trust file with --trust) and repeat"
        "добавьте названное выше (сертификат, данные об отзыве или верный файл доверия через --trust) и повторите";
    2007 IdentityMismatch Peer 403 4
        "the sender speaks for another agency or role than its certificate does"
        "отправитель говорит от имени не того ведомства или роли, что в его сертификате"
        "check which key and certificate were used, and for which agency and role they were issued"
        "проверьте, какие ключ и сертификат использованы и для какого ведомства и роли они выданы";
    2008 RoleNotAllowed Peer 403 4
        "the key's role does not allow this use"
        "роль ключа не допускает такого применения"
        "sign with a key of the role expected: officials approve, seals sign events, a TTP signs evidence"
        "подпишите ключом нужной роли: должностные лица утверждают, печать подписывает события, ДТС подписывает квитанции ДТС";
    2009 AlgorithmRefused Peer 422 5
        "the signature algorithm is not allowed, or is not the key's"
        "алгоритм подписи не разрешён или не соответствует ключу"
        "sign with Ed25519 or ECDSA P-256, as the key's certificate says"
        "подпишите алгоритмом Ed25519 или ECDSA P-256, как указано в сертификате ключа";
    2010 KeyRefused Peer 422 5
        "the key is weak, malformed or used for another role or agency"
        "ключ слаб, построен неверно или уже служит другой роли или ведомству"
        "make a new key for this one role (enrol again with a new token); never reuse a key"
        "создайте новый ключ только для этой роли (регистрация по новому токену); не используйте ключ повторно";
    2011 DigestMismatch Peer 422 5
        "the bytes are not those that the digest names"
        "байты не те, которые называет хеш"
        "the file was changed or cut: take it again from its source and compare with sha256sum"
        "файл изменён или обрезан: возьмите его заново из источника и сравните с выводом sha256sum";
    2012 ProofInvalid Peer 422 5
        "the proof does not lead to the checkpoint's root"
        "доказательство не ведёт к корню контрольной точки"
        "ask for the proof again; if it fails twice, keep both answers and report the log's holder to the authority"
        "запросите доказательство ещё раз; если оно не сходится дважды, сохраните оба ответа и сообщите о держателе дерева записей удостоверяющему центру";
    2013 RegistryRollback Authority 409 5
        "the registry is older than, or differs from, the one known here"
        "реестр старее известного здесь или отличается от него"
        "the registry known here stays in use; ask the authority which version is the newest (ogic authority registry)"
        "в силе остаётся известный здесь реестр; спросите удостоверяющий центр, какая версия последняя (ogic authority registry)";
    2014 RegistryExpired Authority 422 6
        "the registry is past its life"
        "срок действия реестра истёк"
        "see with ogic status and ogic peers whether the authority or any peer answers: the node refreshes by itself"
        "посмотрите в ogic status и ogic peers, отвечает ли удостоверяющий центр или другой узел: реестр обновится сам";
    2015 RegistrySignerUnknown Authority 422 5
        "the registry is signed by a key that was not pinned at join"
        "реестр подписан не тем ключом, который закреплён при присоединении"
        "ask the authority by another channel; if the key did change, join again with its fingerprint"
        "спросите удостоверяющий центр по другому каналу; если ключ действительно сменился, присоединитесь заново с его отпечатком";
    2016 ForkDetected Peer 409 5
        "two signed statements of one log or case contradict each other"
        "два подписанных утверждения об одном дереве записей или деле противоречат друг другу"
        "both statements are kept as proof (ogic status shows the alarm); take it to the authority before going on"
        "оба утверждения сохранены как доказательство (тревога видна в ogic status); обратитесь в удостоверяющий центр, прежде чем продолжать";
    2017 AgencyUnknown Caller 403 4
        "the registry lists no such agency"
        "в реестре нет такого ведомства"
        "check the spelling against ogic peers; a new member appears there once it has joined"
        "сверьте написание с ogic peers; новый участник появится там после присоединения";
    2018 RevocationStale Authority 422 6
        "the revocation data is past its life"
        "данные об отзыве устарели"
        "check that the authority can be reached (ogic status): new data is fetched as soon as it answers"
        "проверьте, доступен ли удостоверяющий центр (ogic status): новые данные придут, как только он ответит";
    2019 EvidenceInvalid Ttp 422 5
        "the evidence does not hold"
        "квитанция ДТС не подтверждается"
        "do not rely on it; have the event verified again, and tell the trusted third party"
        "не полагайтесь на неё; проверьте событие заново и сообщите доверенной третьей стороне";
    2020 ApprovalInvalid Caller 422 5
        "the official's approval does not hold for this event"
        "утверждение должностного лица для этого события недействительно"
        "have an official of the agency that acts sign this very act: same case, kind, step and content, with a valid certificate"
        "пусть должностное лицо действующего ведомства подпишет именно это действие: то же дело, вид, шаг и содержание, действительным сертификатом";
    2021 VerdictFailed Peer 422 5
        "what was verified does not hold"
        "проверенное недействительно"
        "do not rely on it: get it again from whoever issued it, and keep this one as it is, since it is evidence of the damage"
        "не полагайтесь на него: получите его заново у того, кто его выдал, а этот экземпляр сохраните: он свидетельствует о повреждении";
    3001 CaseUnknown Caller 404 3
        "there is no such case here"
        "такого дела здесь нет"
        "see ogic case list for the cases of this node; for another agency's case a reference must have arrived"
        "дела этого узла показывает ogic case list; для дела другого ведомства должна прийти ссылка на него";
    3002 GrantMissing Caller 403 4
        "no right to this case was granted"
        "право на это дело не предоставлено"
        "ask the home of the case to share it: ogic case share CASE --to AGENCY"
        "попросите ведомство-держатель предоставить право: ogic case share CASE --to AGENCY";
    3003 GrantRevoked Caller 403 4
        "the right to this case was revoked"
        "право на это дело отозвано"
        "ask the home of the case why; only a new grant (ogic case share) opens it again"
        "спросите у ведомства-держателя о причине; снова открыть дело может только новое право (ogic case share)";
    3004 GrantExpired Caller 403 4
        "the right to this case has expired"
        "срок права на это дело истёк"
        "ask the home of the case for a new grant with a later --expires"
        "попросите у ведомства-держателя новое право с более поздним --expires";
    3005 GrantTooNarrow Caller 403 4
        "the right to this case does not cover this act"
        "право на это дело не покрывает этого действия"
        "keep to the steps and rights granted (ogic case show CASE), or ask the home for a wider grant"
        "действуйте в пределах права (ogic case show CASE) или попросите ведомство-держатель расширить его";
    3006 StepUnknown Caller 422 4
        "the plan has no such step"
        "в плане нет такого шага"
        "take the step's id from the plan: ogic case show CASE"
        "возьмите идентификатор шага из плана: ogic case show CASE";
    3007 StepNotOpen Caller 409 4
        "the step is not open for this act"
        "шаг сейчас не открыт для этого действия"
        "see ogic case show CASE: what the step waits for must be done first, and a finished step stays finished"
        "смотрите ogic case show CASE: сначала должно быть сделано то, чего шаг ждёт; выполненный шаг остаётся выполненным";
    3008 CaseClosed Caller 409 4
        "the case is closed"
        "дело закрыто"
        "its history can be read and exported; a further matter needs a new case (ogic case open)"
        "историю можно читать и выгружать; для нового вопроса откройте новое дело (ogic case open)";
    3009 HeadUnknown Caller 409 9
        "the event names a head that is no record of this case"
        "событие ссылается на вершину, которой нет в истории этого дела"
        "read the case again (ogic case show CASE) and make the event anew; if it persists, compare both histories"
        "прочитайте дело заново (ogic case show CASE) и создайте событие снова; если повторится, сравните обе истории";
    3010 HeadMoved Caller 409 9
        "the case has moved on since the head that the event names"
        "с вершины, на которую ссылается событие, дело продвинулось"
        "read what was added (ogic case show CASE), and repeat if the act is still right"
        "прочитайте, что добавлено (ogic case show CASE), и повторите, если действие по-прежнему верно";
    3011 KindNotAllowed Caller 403 4
        "this kind of event is not for this author"
        "события этого вида не для этого автора"
        "only the home shares, unshares and closes; ask it, or send a step or a note"
        "предоставлять и отзывать право и закрывать дело может только ведомство-держатель; обратитесь к нему или отправьте шаг или заметку";
    3012 ServiceUnknown Caller 404 3
        "no such service definition is at hand"
        "такого определения услуги здесь нет"
        "publish it (ogic service publish FILE), or take the digest that publishing printed"
        "опубликуйте его (ogic service publish FILE) или возьмите хеш, который вывела публикация";
    3013 ServiceUntrusted Authority 422 5
        "the service definition is not signed by a publisher that the registry lists"
        "определение услуги подписано не тем издателем, который указан в реестре"
        "take the definition from the agency that is competent for the service, or ask the authority to list its publisher"
        "возьмите определение у ведомства, компетентного по этой услуге, или попросите удостоверяющий центр внести издателя в реестр";
    3014 PendingBase Caller 409 4
        "the act rests on an event that is still pending"
        "действие опирается на событие, которое ещё ожидает проверки"
        "wait for its evidence (ogic case show CASE lists what is pending), then repeat"
        "дождитесь квитанции ДТС (ожидающее перечислено в ogic case show CASE) и повторите";
    3015 CaseSuspended Caller 409 4
        "the case is suspended"
        "дело приостановлено"
        "ask the home what it waits for; until it is resumed, notes and reading go on"
        "спросите у ведомства-держателя, чего ждёт дело; до возобновления можно читать и добавлять заметки";
    3016 TermsRefused Caller 422 4
        "the terms of the right are not acceptable"
        "условия права неприемлемы"
        "give purpose, ground and performer, steps of the plan, and an expiry in the future, not before the deadline"
        "укажите цель, основание и исполнителя, шаги из плана и срок действия в будущем, не раньше срока исполнения";
    3017 DocumentMissing Caller 404 3
        "the document is not held here"
        "этого документа здесь нет"
        "add it first (ogic document add FILE), or name the case it belongs to with --case"
        "сначала добавьте его (ogic document add FILE) или укажите дело, к которому он относится, через --case";
    3018 NotHome Caller 421 4
        "this agency is not the home of the case"
        "это ведомство не держит данное дело"
        "see the home in ogic case list, and run the command at its node"
        "ведомство-держатель указано в ogic case list; выполните команду на его узле";
    3019 GrantExists Caller 409 9
        "the agency has this very right already"
        "у ведомства уже есть именно это право"
        "the right found above goes on, nothing needs to be done; other terms, such as a later --expires, make a new right"
        "указанное выше право действует, делать ничего не нужно; с другими условиями, например более поздним --expires, будет новое право";
    3020 CaseMoved Caller 409 9
        "the custody of the case has moved to another agency"
        "ведение дела перешло к другому ведомству"
        "act at the new home: what waits in an outbox goes there by itself, a read is repeated there"
        "обратитесь к новому ведомству-держателю: ожидающее отправки уйдёт туда само, чтение повторите там";
    3021 CustodyRefused Caller 409 4
        "the custody cannot change hands like this"
        "так ведение дела передать нельзя"
        "see ogic case show CASE: who was offered it, and until when; the offer can be revoked and made anew"
        "смотрите ogic case show CASE: кому предложено ведение и до какого срока; предложение можно отозвать и сделать заново";
    4001 PeerUnreachable Peer 503 7
        "the peer cannot be reached"
        "другой узел недоступен"
        "nothing is lost: the outbox sends again by itself; ogic peers shows the address tried and the last problem"
        "ничего не потеряно: очередь отправит повторно сама; ogic peers показывает адрес и последнюю ошибку";
    4002 PeerTimeout Peer 504 7
        "the peer did not answer in time"
        "другой узел не ответил вовремя"
        "repeat the command in a while; events wait in the outbox meanwhile (ogic outbox list)"
        "повторите команду позже; события тем временем ждут в очереди (ogic outbox list)";
    4003 ProtocolViolation Peer 400 1
        "the peer broke the protocol"
        "другой узел нарушил протокол"
        "compare both sides' releases (ogic --version) and send the field named above to the peer's operator"
        "сравните версии обеих сторон (ogic --version) и сообщите названное поле оператору другого узла";
    4004 AnswerLost Ours 503 7
        "the answer was lost; whether the change was made is not known"
        "ответ потерян; выполнено ли изменение, неизвестно"
        "repeat the same command with the same --idempotency-key: the change is made once, however often it is asked for"
        "повторите ту же команду с тем же --idempotency-key: изменение будет сделано один раз, сколько бы его ни запрашивали";
    4005 LimitReached Caller 429 7
        "a limit of the receiver is reached"
        "достигнут предел получателя"
        "wait and repeat, with fewer or smaller requests at once"
        "подождите и повторите: меньше запросов одновременно или меньшего размера";
    4006 HelloExpected Peer 400 1
        "the connection does not begin with a valid hello"
        "соединение не начинается с верного приветствия hello"
        "check that the address in the registry belongs to an Ogic node of this federation, and its release"
        "проверьте, что адрес в реестре принадлежит узлу Ogic этой федерации, и его версию";
    4007 NodeUnreachable Ours 503 7
        "the node's local socket does not answer"
        "локальный сокет узла не отвечает"
        "start the node (ogic node serve --data DIR), or name its folder with --data DIR or OGIC_DATA"
        "запустите узел (ogic node serve --data DIR) или укажите его папку через --data DIR или OGIC_DATA";
    5001 StoreLocked Ours 409 8
        "another process works on this folder"
        "с этой папкой работает другой процесс"
        "stop the other process, or give this one a folder of its own with --data DIR"
        "остановите другой процесс или дайте этому отдельную папку через --data DIR";
    5002 StoreDamaged Ours 500 8
        "the store is damaged"
        "хранилище повреждено"
        "stop the node and copy its folder before anything else; then restore the journal from a backup"
        "остановите узел и прежде всего скопируйте его папку; затем восстановите ленту из резервной копии";
    5003 StoreReadOnly Ours 503 8
        "the store is read-only since a write failed"
        "после неудачной записи хранилище доступно только для чтения"
        "check the disk (space, kernel log), then restart the node: it reads the last segment again before it writes"
        "проверьте диск (место, журнал ядра) и перезапустите узел: перед записью он перечитает последний сегмент ленты";
    5004 DiskFull Ours 507 8
        "the disk is full"
        "на диске нет места"
        "free space on the disk of the data folder, then restart the node; nothing acknowledged is lost"
        "освободите место на диске с папкой данных и перезапустите узел; подтверждённое не потеряно";
    5005 DiskFailed Ours 500 8
        "the disk refused a read or a write"
        "диск отказал в чтении или записи"
        "look at the path and error above: rights, mount, kernel log; then repeat"
        "посмотрите на путь и ошибку выше: права, монтирование, журнал ядра; затем повторите";
    5006 StoreNewer Ours 500 8
        "the store was written by a newer release"
        "хранилище записано более новой версией"
        "run the release that wrote it, or a later one (ogic --version)"
        "запустите версию, которая его записала, или более позднюю (ogic --version)";
    5007 KeyExposed Ours 500 8
        "a key file is readable by others"
        "файл ключа доступен для чтения другим"
        "chmod 600 the file; if others could have read it, revoke the certificate and enrol anew"
        "выполните chmod 600 для файла; если его могли прочесть, отзовите сертификат и зарегистрируйтесь заново";
    5008 BehindPeers Ours 503 8
        "this node is behind what others hold of its log and does not sign"
        "узел отстаёт от того, что другие хранят из его дерева записей, и не подписывает"
        "was an old copy restored? Put back the newest journal, or let peers answer so that it can catch up"
        "восстановлена старая копия? Верните новейшую ленту или дождитесь ответа других узлов, чтобы догнать их";
    6001 TokenRefused Caller 403 4
        "the token is not valid for this request"
        "токен не подходит для этого запроса"
        "copy the whole token, and use it for the agency and role it was made for (ogic authority token)"
        "скопируйте токен целиком и используйте для того ведомства и роли, для которых он выпущен (ogic authority token)";
    6002 TokenSpent Caller 403 4
        "the token has been used"
        "токен уже использован"
        "ask the authority for a new one; if it was not you who used it, have what it issued revoked at once"
        "попросите в удостоверяющем центре новый; если его использовали не вы, немедленно отзовите выданное по нему";
    6003 TokenExpired Caller 403 4
        "the token has expired"
        "срок токена истёк"
        "ask the authority for a new one: ogic authority token AGENCY"
        "попросите в удостоверяющем центре новый: ogic authority token AGENCY";
    6004 RequestRefused Caller 422 4
        "the certificate request asks for what the profile does not give"
        "запрос на сертификат требует того, чего профиль не даёт"
        "let ogic make the request (node join, official enrol): the authority takes nothing from it but the key"
        "пусть запрос создаст ogic (node join, official enrol): удостоверяющий центр берёт из него только ключ";
    6005 NotYours Caller 403 4
        "the certificate belongs to somebody else"
        "сертификат принадлежит другому"
        "name one of your own agency's certificates, or ask the authority's operator"
        "укажите сертификат своего ведомства или обратитесь к оператору удостоверяющего центра";
    6006 AuthorityUnreachable Authority 503 7
        "the authority cannot be reached"
        "удостоверяющий центр недоступен"
        "the exchange goes on meanwhile; check the address (pin.toml or the token) and repeat"
        "обмен тем временем продолжается; проверьте адрес (pin.toml или токен) и повторите";
    6007 TtpUnreachable Ttp 503 7
        "the trusted third party cannot be reached"
        "доверенная третья сторона недоступна"
        "events that need its evidence stay pending and go on by themselves once it answers (ogic peers)"
        "события, которым нужна квитанция ДТС, ожидают и продолжатся сами, когда она ответит (ogic peers)";
    9001 Internal Ours 500 1
        "an error of ours"
        "внутренняя ошибка"
        "repeat; if it persists, report it with this text, ogic --version and the lines of node.log around it"
        "повторите; если ошибка остаётся, сообщите о ней с этим текстом, ogic --version и строками node.log рядом с ней";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OGIC-{:04}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_names_its_code_and_all_are_sorted() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number());
        }
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(*code));
            assert!(code.exit() <= 10 && (400..600).contains(&code.http()), "{code}");
        }
        assert_eq!(Code::from_number(0), None);
    }

    #[test]
    fn every_code_has_its_texts_in_both_languages() {
        let cyrillic = |text: &str| text.chars().any(|c| ('\u{400}'..='\u{4ff}').contains(&c));
        for code in Code::ALL {
            for (name, en, ru) in [
                ("sentence", code.sentence_en(), code.sentence_ru()),
                ("hint", code.hint_en(), code.hint_ru()),
            ] {
                assert!(!en.trim().is_empty() && !ru.trim().is_empty(), "{code} {name}");
                assert!(en != ru && cyrillic(ru) && !cyrillic(en), "{code} {name}");
                assert!(
                    !en.ends_with('.') && !ru.ends_with('.'),
                    "{code} {name}: the printer ends the sentence"
                );
            }
        }
    }
}
