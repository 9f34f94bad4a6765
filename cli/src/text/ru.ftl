# Тексты команды `ogic`. Имена флагов, коды и идентификаторы не переводятся. Ключ, добавленный здесь, добавляется в то
# же место en.ftl: тест сравнивает оба файла.

## Ошибки

error-found = получено
error-expected = ожидалось
error-hint = подсказка:
error-parked = { $hint }; отклонённое событие остаётся в очереди: ogic outbox retry { $id } отправит его снова, ogic outbox drop { $id } --yes откажется от него
start-authority = запустите удостоверяющий центр (ogic authority serve --data DIR) или укажите другую папку через --data DIR или OGIC_DATA
start-ttp = запустите ДТС (ogic ttp serve --data DIR) или укажите другую папку через --data DIR или OGIC_DATA
wrong-folder = укажите папку того демона, для которого эта команда, через --data DIR или OGIC_DATA
print-unknown = требуемое выполнено, не показан только результат; имена те же, что показывает --json, через точку: log.size
token-damaged = скопируйте токен целиком, одной строкой; если он утерян, попросите в удостоверяющем центре новый: ogic authority token AGENCY
side-ours = на нашей стороне
side-peer = на стороне другого ведомства
side-authority = на стороне удостоверяющего центра
side-ttp = на стороне ДТС
side-caller = на стороне вызывающего
usage-command = команда
usage-arguments = аргументы
usage-value = значение
usage-nothing = ничего
usage-beside = вместе с { $other }
usage-one = что-то одно
usage-known = флаг, известный команде
usage-hint = смотрите { $command } --help
data-hint = укажите папку, с которой запущен демон: --data DIR или export OGIC_DATA=DIR
confirm-choice = [д/Н]
confirm-hint = был бы задан вопрос: { $question } Чтобы ответить заранее, повторите с --yes
confirm-declined = ничего не изменено
change-dry-run = Ничего не изменено. Было бы отправлено:
judged-home = Узел не возражает.
judged-performer = Этот узел не возражает; ведомство-держатель решит, когда событие будет отправлено.
judged-nobody = Ни один узел не спрошен, допустимо ли это: укажите его через --data DIR.
change-repeat =
    узнайте это повтором; изменение будет сделано один раз, сколько бы его ни запрашивали:
      { $command }
change-again =
    { $hint }; затем повторите:
      { $command }

## Справка

help-usage = Вызов:
help-options = Параметры
help-arguments = Аргументы
help-commands = Команды
help-command = КОМАНДА
help-examples = Примеры:
help-exits = Коды выхода:

arg-help = Показать эту справку
arg-version = Показать версию
arg-data = Папка демона; иначе переменная OGIC_DATA
arg-json = Печатать результаты и ошибки как JSON в stdout
arg-print = Напечатать одно это значение результата, например event или log.size: имя из вывода --json
arg-lang = Язык текстов: ru или en; иначе OGIC_LANG, LC_ALL, LC_MESSAGES, LANG
arg-dry_run = Показать, что было бы отправлено, и ничего не менять; о действии над делом судит узел, указанный в --data
arg-idempotency_key = Запросить под этим ключом: изменение делается один раз, сколько бы его ни повторяли (от 16 до 64 символов A-Z a-z 0-9 _ -)
arg-yes = Не спрашивать перед необратимым изменением
arg-case = Дело: 64 шестнадцатеричные цифры
arg-event = Событие: 64 шестнадцатеричные цифры
arg-key = Закрытый ключ должностного лица (PEM, права 600); остаётся на этой машине
arg-cert = Сертификат должностного лица, затем сертификаты центров над ним (PEM)
arg-fields = Поле формы: name=текст или name:=42, name:=true, name:=false; можно повторять
arg-documents = Файл, передаваемый как документ: FILE или LABEL=FILE; иначе название берётся из имени файла без окончания; можно повторять
arg-purpose = С какой целью просматривается дело; попадает в журнал доступа ведомства-держателя
arg-head = Отказать (OGIC-3010, код выхода 9), если эта запись не последняя: SEQ:RECORD, как печатает case show; о деле другого ведомства держатель спрашивается перед самой отправкой
arg-reason = Причина; попадает в историю
arg-out = Новый файл для записи
arg-steps = Шаг, к которому ведомство может добавлять события; можно повторять
arg-file = Файл
arg-token = Токен или - , чтобы прочитать его из stdin; аргумент команды видят другие пользователи машины
arg-token_file = Файл с токеном
arg-listen = Адрес для приёма, IP:PORT; порт 0 берёт свободный
arg-advertised = Адрес, который сообщается другим, если он отличается от занятого; можно повторять
arg-at_most = Сколько ждать самое большее, по умолчанию 60s; затем ошибка с кодом выхода 7
arg-window = Сколько сообщений сразу может быть в пути к одному ведомству, от 1 до 512; по умолчанию 64

cmd = Ведомства вместе работают над делом гражданина, с доказательствами на руках
cmd-demo = Увидеть дело, над которым работают три ведомства, в федерации настоящих процессов на этой машине
    .keep = Оставить демоны работать и показать, как с ними говорить
    .seed = Число, из которого следуют случайные моменты показа; иначе выбирается
    .dir = Новая или пустая папка для показа, которая сохраняется; иначе временная
    .examples =
        ogic demo
        ogic demo --keep
        ogic demo --json --seed 7
cmd-bench = Измерить, что эта машина успевает в обмене и в хранилище, рядом с тем, что она делает без них
cmd-bench-exchange = Измерить два узла: подписанные события ждут в исходящих одного, пока их квитанции не проверены и не сохранены
    .messages = Сообщений в строке, по умолчанию 10000; строка, где в пути немного, берёт по 2000 на каждое из них
    .in_flight = Сколько сообщений в пути сразу, по строке на каждое число; по умолчанию 1,64,512
    .cases = Дел, о которых сообщения; по умолчанию 16
    .dir = Новая или пустая папка для работы, она остаётся; иначе временная
    .examples =
        ogic bench exchange
        ogic bench exchange --messages 20000 --in-flight 64,512 --json
        ogic bench exchange --dir /var/tmp/bench
cmd-bench-store = Измерить строки, которые следуют за лентой, в sled и в памяти, и саму ленту
    .cases = Дел, по умолчанию 1000
    .records = Записей, по умолчанию 200000; строка ленты берёт не больше 2000 фиксаций
    .dir = Новая или пустая папка для работы, она остаётся; иначе временная
    .examples =
        ogic bench store
        ogic bench store --records 1000000 --dir /var/tmp/bench --json
cmd-authority = Удостоверяющий центр: токены, участники, сертификаты, отзыв
cmd-authority-init = Основать удостоверяющий центр в новой папке
    .federation = Домен федерации
    .authority = Собственный идентификатор удостоверяющего центра в ней
    .name_en = Название удостоверяющего центра по-английски
    .name_ru = Название удостоверяющего центра по-русски
    .certificate_life = Срок сертификата участника: 24h, 60d
    .registry_life = Срок версии реестра и списка отзыва
    .examples = ogic authority init --data authority --federation gov.example --authority authority.gov.example
cmd-authority-serve = Запустить демон удостоверяющего центра
    .examples = ogic authority serve --data authority --listen 192.0.2.1:4720
cmd-authority-token = Выпустить одноразовый токен для регистрации ведомства или должностного лица
    .agency = Ведомство, для которого токен
    .role = Что регистрируется: node (с печатью), ttp или official/<имя>
    .name_en = Название ведомства по-английски
    .name_ru = Название ведомства по-русски
    .level = federal, regional, municipal или service
    .parent = Вышестоящее ведомство
    .ttl = Сколько токен действует: 30s, 15m, 24h, 7d
    .examples =
        ogic authority token health.gov.example --name-en 'Ministry of Health' --name-ru 'Минздрав' --level regional
        ogic authority token transport.gov.example --role official/licensing-1 --ttl 1h
cmd-authority-members = Показать участников федерации
    .examples = ogic authority members --data authority
cmd-authority-issued = Показать выданные сертификаты и какие из них отозваны
    .examples = ogic authority issued --json
cmd-authority-revoke = Отозвать сертификаты; необратимо
    .what = Идентичность, например ogic://health.gov.example/official/doctor-1, или серийный номер в шестнадцатеричном виде
    .reason = unspecified, key-compromise, affiliation-changed, superseded, cessation-of-operation или privilege-withdrawn
    .examples = ogic authority revoke ogic://health.gov.example/official/doctor-1 --reason key-compromise
cmd-authority-registry = Сохранить подписанный реестр или список отзыва (CRL)
    .crl = Список отзыва вместо реестра
    .examples =
        ogic authority registry --out registry.cose
        ogic authority registry --crl --out authority.crl
cmd-ttp = Доверенная третья сторона (ДТС)
cmd-ttp-init = Присоединиться к федерации как доверенная третья сторона по токену для роли ttp
    .examples = ogic ttp init --token-file token --data ttp
cmd-ttp-serve = Запустить демон ДТС
    .examples = ogic ttp serve --data ttp --listen 192.0.2.2:4720
cmd-ttp-evidence = Показать выданные квитанции ДТС или сохранить квитанцию ДТС об одном событии
    .examples =
        ogic ttp evidence --data ttp
        ogic ttp evidence EVENT --out evidence.ogic
cmd-node = Узел ведомства
cmd-node-join = Присоединиться к федерации по токену для роли node
    .examples =
        ogic node join --token-file token --data transport
        ogic node join - --data transport
cmd-node-serve = Запустить демон узла
    .examples = ogic node serve --data transport --listen 192.0.2.3:4720
cmd-node-checkpoint = Сохранить новейшую контрольную точку этого узла файлом, который проверяется без сети
    .examples = ogic node checkpoint --out checkpoint.ogic --data /var/lib/ogic
cmd-official = Должностные лица, которые утверждают собственными ключами
cmd-official-enrol = Создать ключ должностного лица и заверить его по токену для official/<name>
    .out = Папка для official.key и official.pem
    .examples = ogic official enrol --token-file token --out licensing-1
cmd-case = Работа с делами
cmd-case-open = Открыть дело гражданина по опубликованной услуге
    .service = Услуга: хеш её определения или имя, тогда берётся новейшая версия на узле
    .citizen = Гражданин под псевдонимом этого ведомства
    .examples =
        ogic case open --service driving-licence --citizen p-4711 --field category=B --document application.pdf
        ogic case open --service driving-licence --citizen p-4711 --key official.key --cert official.pem
cmd-case-list = Показать дела, которые узел держит или на которые у него есть ссылка
    .examples = ogic case list --json
cmd-case-show = Показать дело: план, права и историю
    .examples =
        ogic case show CASE
        ogic case show CASE --purpose 'медицинский осмотр'
cmd-case-event = Добавить работу над шагом или заметку
    .kind = step или note
    .step = Шаг плана
    .code = Состояние шага: going, done или not-possible
    .received = Когда поступило: RFC 3339 (2026-12-01T15:00:00+03:00) или дата, то есть её конец по UTC
    .started = Когда начата работа
    .ended = Когда закончена работа
    .wait = Сколько ждать квитанцию о приёме от ведомства-держателя, не более 45s; событие отправляется в любом случае
    .examples =
        ogic case event CASE --step medical --code done --document certificate.pdf --key official.key --cert official.pem
        ogic case event CASE --kind note --field text='Гражданин принесёт подлинник'
cmd-case-share = Предоставить другому ведомству право на дело
    .to = Ведомство
    .read = Может читать историю, план и документы
    .purpose = С какой целью
    .ground = На каком правовом основании
    .performer = Какое подразделение исполняет
    .deadline = Срок исполнения: RFC 3339, или дата, то есть её конец по UTC, или срок от настоящего времени, например 10d
    .expires = Когда право прекращается само: RFC 3339, или дата, то есть её конец по UTC, или срок от настоящего времени, например 14d
    .examples = ogic case share CASE --to health.gov.example --read --step medical --purpose 'medical examination' --ground 'Order 344n' --performer 'Outpatient clinic 3' --deadline 2026-12-01 --expires 2026-12-15
cmd-case-unshare = Отозвать право; оно прекращается сразу
    .grant = Право: 64 шестнадцатеричные цифры, как печатает case show
    .examples = ogic case unshare CASE GRANT --reason 'осмотр отменён'
cmd-case-offer = Предложить ведение дела другому ведомству; оно сможет прочитать всё дело
    .to = Ведомство
    .purpose = Почему дело передаётся
    .ground = На каком правовом основании
    .performer = Какое подразделение принимает
    .expires = Когда предложение прекращается само: RFC 3339, или дата, то есть её конец по UTC, или срок от настоящего времени, например 14d
    .examples =
        ogic case offer CASE --to transport.gov.example --purpose 'the applicant has moved' --ground 'Act 210, section 15' --expires 2026-12-15
        ogic case unshare CASE GRANT --reason 'not needed any more' --yes
cmd-case-accept = Принять ведение предложенного дела: сначала его история и документы загружаются и проверяются
    .wait = Сколько ждать прихода дела, не более 45s; согласие отправляется в любом случае
    .examples = ogic case accept CASE --key official.key --cert official.pem
cmd-case-decline = Отказаться от ведения предложенного дела
    .wait = Сколько ждать квитанции о приёме, не более 45s; ответ отправляется в любом случае
    .examples = ogic case decline CASE --reason 'the applicant lives in another district'
cmd-case-close = Закрыть дело; необратимо
    .outcome = Чем закончилось: granted, refused или withdrawn
    .examples = ogic case close CASE --outcome granted --reason 'все шаги выполнены' --yes
cmd-case-export = Выгрузить дело как капсулу, которая проверяется без сети
    .examples = ogic case export CASE --out case.ogic
cmd-case-receipt = Сохранить квитанцию о приёме события файлом, который проверяется без сети
    .examples =
        ogic case receipt EVENT --out receipt.ogic
        ogic verify receipt.ogic --trust /var/lib/ogic
cmd-case-evidence = Сохранить квитанцию ДТС о событии своего дела файлом, который проверяется без сети
    .examples =
        ogic case evidence EVENT --out evidence.ogic
        ogic verify evidence.ogic --trust /var/lib/ogic
cmd-case-access = Показать, кто просматривал дело; отказы тоже
    .examples = ogic case access CASE
cmd-document = Документы, названные по содержимому
cmd-document-add = Передать файлы узлу и напечатать их SHA-256
    .files = Файлы
    .media_type = Тип содержимого, если его не видно по имени
    .examples = ogic document add application.pdf
cmd-document-get = Сохранить документ; хеш проверяется до его появления
    .sha256 = SHA-256 документа, как печатает sha256sum
    .case = Дело, к которому он относится, если его держит другое ведомство
    .examples = ogic document get DIGEST --case CASE --out certificate.pdf
cmd-document-list = Показать документы дела
    .examples = ogic document list CASE
cmd-service = Определения государственных услуг
cmd-service-check = Проверить определение: у каждого шага есть срок, у каждого отказа обжалование
    .file = Определение (TOML)
    .examples = ogic service check driving-licence.toml
cmd-service-publish = Опубликовать определение под печатью этого узла
    .file = Определение (TOML)
    .examples = ogic service publish driving-licence.toml
cmd-service-list = Показать определения на этом узле
    .examples = ogic service list
cmd-service-example = Напечатать определение, с которого можно начать; им же пользуется демонстрация
    .examples = ogic service example
cmd-status = Показать состояние демона
    .examples =
        ogic status --data /var/lib/ogic
        ogic status --json
cmd-peers = Показать ведомства реестра и кто из них на связи
    .examples = ogic peers
cmd-outbox = Что ожидает доставки другим ведомствам
cmd-outbox-list = Показать ожидающее и отложенное
    .examples = ogic outbox list
cmd-outbox-retry = Отправить отложенное ещё раз
    .item = Идентификатор, как печатает outbox list
    .examples = ogic outbox retry EVENT
cmd-outbox-drop = Отказаться от отложенного: оно больше не отправляется
    .item = Идентификатор, как печатает outbox list
    .examples = ogic outbox drop EVENT --yes
cmd-trace = Показать, что стало с событием
    .examples = ogic trace EVENT
cmd-wait = Дождаться, пока что-то наступит: для сценариев, вместо повторных взглядов
cmd-wait-ready = Дождаться, пока демон папки не ответит
    .examples = ogic wait ready --data transport
cmd-wait-peers = Дождаться, пока узел не соединится со всеми остальными участниками реестра
    .examples = ogic wait peers --data transport --for 2m
cmd-wait-outbox = Дождаться квитанций о приёме на всё, что узел отправляет; отклонённое сообщение есть ошибка
    .examples = ogic wait outbox --data health
cmd-wait-registry = Дождаться, пока у демона не будет этой версии реестра или более новой
    .version = Версия, как её показывает status
    .examples = ogic wait registry 12 --data transport
cmd-wait-event = Дождаться места события у держателя и вердикта, если он нужен
    .examples = ogic wait event EVENT --data health
cmd-verify = Проверить файлы без сети: капсулы, квитанции ДТС, квитанции о приёме, контрольные точки, другие подписанные объекты, сертификаты, списки отзыва
    .files = Файлы; что есть что, видно по содержимому
    .trust = Чему доверять: файл реестра вместе с --pin или папка узла
    .pin = SHA-256 корневого сертификата или файл pin.toml, который сделало присоединение
    .certs = Сертификаты подписавших, PEM или DER, для того, что их не несёт
    .crl = Дополнительные списки отзыва, DER
    .at = На какое время проверять; иначе на время, когда объект, по его словам, сделан
    .explain = Показать все проверки, а не только не прошедшие
    .examples =
        ogic verify case.ogic --trust registry.cose --pin pin.toml
        ogic verify case.ogic --trust /var/lib/ogic --explain
cmd-explain = Объяснить код: что произошло, что делать, на чьей стороне причина
    .code = Код, например OGIC-3003 или 3003
    .all = Все коды
    .examples =
        ogic explain OGIC-3003
        ogic explain --all --json

## Слова ответов

value-true = да
value-false = нет
value-fresh = свежие данные
value-stale = данные устарели: известное продолжается, новому доверия нет
value-refused = отказ: без новых данных удостоверяющего центра доверия нет
level-federal = федеральное
level-regional = региональное
level-municipal = муниципальное
level-service = служба федерации
role-home = держатель
role-performer = исполнитель
role-offered = предложено нам
role-former-home = прежний держатель
custody-offered = предложено:
custody-accepted = принято:
custody-released = передано:
kind-open = открытие
kind-step = шаг
kind-note = заметка
kind-share = предоставление права
kind-unshare = отзыв права
kind-evidence = квитанция ДТС
kind-close = закрытие
kind-offer = предложение ведения
kind-accept = согласие принять ведение
kind-decline = отказ от ведения
kind-release = передача ведения
kind-taken = принятие ведения
kind-custody = ведение дела
kind-event = событие
kind-reference = ссылка на дело
kind-verdict = вердикт
kind-notice = извещение
delivery-recorded = записано
delivery-waiting = ожидает
delivery-in-flight = в пути
delivery-receipted = принято, есть квитанция о приёме
delivery-refused = отказано
delivery-parked = отложено
delivery-dropped = отменено
right-revoked = право отозвано
right-expired = срок права истёк
looked-for-own-work = собственная работа
looked-for-export = выгрузка
looked-for-history-export = выгрузка истории
looked-for-document = документ
looked-for-append = добавление
looked-for-newest-record = последняя запись
trace-pending-true = да: место в истории есть, действие наступит с записью квитанции ДТС; спросите ещё раз
trace-pending-false = нет
outcome-granted = предоставлено
outcome-refused = отказано
outcome-withdrawn = отозвано заявителем
outcome-handed-over = передано
outcome-lapsed = истёк срок
case-is-open = открыто
case-is-suspended = приостановлено
case-is-closed = закрыто
state-planned = предстоит
state-open = открыт
state-going = в работе
state-pending = ожидает проверки
state-done = выполнен
state-not-possible = невыполним
effect-held = действует
effect-pending = ожидает
effect-none = без действия
exit-0 = 0 (выполнено или делать нечего)
exit-1 = 1 (не удалось)
exit-2 = 2 (неверный вызов)
exit-3 = 3 (не найдено)
exit-4 = 4 (отказано по правилам)
exit-5 = 5 (подпись, квитанция ДТС или квитанция о приёме недействительна)
exit-6 = 6 (о доверии судить нельзя)
exit-7 = 7 (узел или удостоверяющий центр недоступен: имеет смысл повторить)
exit-8 = 8 (локальное хранилище или диск)
exit-9 = 9 (конфликт: прочитайте заново и повторите)
exit-10 = 10 (предупреждения при --strict; зарезервировано)

## Результаты

daemon-ready = { $agency } отвечает по адресу { $endpoint }; локальный API: { $socket }
founded = { $federation } основана в { $folder }; SHA-256 корня { $root }
joined = { $folder } говорит от имени { $identities } до { $until }
joined-again = { $folder } говорит от имени { $identities } до { $until }, как и раньше: этот токен здесь уже использован
saved = { $file }: { $bytes ->
    [one] { $bytes } байт
    [few] { $bytes } байта
   *[other] { $bytes } байтов
}
extract-saved = { $file }: { $bytes } байт; проверьте командой ogic verify
act-recorded = запись { $seq } в деле { $case }, событие { $event }
act-waiting = в пути, квитанции о приёме пока нет; смотрите ogic trace { $event }
case-opened = { $case }
case-shared = у { $agency } есть право до { $expires }: { $grant }
case-unshared = право отозвано: { $grant }
case-offered = { $agency } может принять ведение до { $expires }: предложение { $offer }
case-taken = дело ведём мы: { $case }
case-accepted = согласие дано, но дела здесь ещё нет: { $case }; смотрите ogic case show
case-closed = дело закрыто ({ $outcome }): { $case }
case-exported = { $file }: байтов { $bytes }; проверьте командой ogic verify
unshare-question = Отозвать право { $grant } сейчас?
close-question = Закрыть дело { $case } ({ $outcome })? Открыть его снова нельзя.
revoke-question = Отозвать { $what }? Это необратимо.
revoked = { $serial } отозван { $at }, в CRL { $crl }
token-once = Для { $agency }, на одно применение; передайте по каналу, который больше никто не читает:
waited-ready = { $agency } отвечает по адресу { $endpoint }
waited-peers = есть соединение с { $count } { $count ->
    [one] участником
   *[other] участниками
}
waited-outbox = на всё есть квитанции о приёме
waited-registry = реестр версии { $version } получен
service-checked = { $service }, версия { $version }: замечаний нет
service-published = { $service }, версия { $version }: { $digest }
drop-question = Отказаться от { $item }? Оно больше не будет отправлено.
outbox-dropped = { $item }: больше не отправляется
outbox-retried = { $item } будет отправлено ещё раз
outbox-count = { $count ->
    [one] { $count } событие
    [few] { $count } события
   *[other] { $count } событий
}

outbox-parked-count = { $count ->
    [one] { $count } отклонено и отложено: ogic outbox retry ID отправит снова, ogic outbox drop ID --yes откажется
   *[other] { $count } отклонено и отложено: ogic outbox retry ID отправит снова, ogic outbox drop ID --yes откажется
}

status-agency = ведомство
status-version = версия
status-endpoint = адрес
status-trust = доверие
status-read-only = только чтение
status-alarms = тревоги
status-peers = узлов на связи
status-registry-version = версия реестра
status-registry-expires = реестр действует до
status-log-origin = дерево записей
status-log-size = размер дерева
status-log-root = корень дерева
status-outbox-waiting = очередь: ожидает
status-outbox-in-flight = очередь: в пути
status-outbox-parked = очередь: отложено
status-evidence = выдано квитанций ДТС
status-problem = неисправность
status-refreshed-at = реестр обновлён
status-refreshed-from = реестр получен от
status-refreshed-problem = реестр: последняя ошибка
status-counters-events = записано событий
status-counters-receipts = квитанций выдано
status-counters-receipts-taken = квитанций получено
status-counters-evidence = квитанций ДТС записано
status-counters-commits = фиксаций
status-counters-syncs = синхронизаций
status-counters-signatures = подписей сделано
status-counters-verified = подписей проверено
status-counters-bytes = байтов записано
status-counters-refused = отказов
status-federation = федерация
status-root = SHA-256 корня
status-registry-issued = реестр выпущен
status-crl-number = список отзыва
status-crl-revoked = отозвано сертификатов
status-crl-next-update = следующий список отзыва
status-members = участников
status-issued = выдано сертификатов
status-tokens-open = неиспользованных токенов
status-verdicts = вердикты
status-verdicts-total-passed = вердиктов TOTAL-PASSED
status-verdicts-indeterminate = вердиктов INDETERMINATE
status-verdicts-total-failed = вердиктов TOTAL-FAILED

peers-agency = ведомство
peers-name = название
peers-level = уровень
peers-connected = на связи
peers-since = с
peers-endpoints = адреса
peers-problem = последняя ошибка
members-parent = вышестоящее
issued-serial = номер
issued-identity = идентичность
issued-not-before = действует с
issued-not-after = действует до
issued-revoked = отозван
outbox-id = id
outbox-peer = кому
outbox-case = дело
outbox-kind = вид
outbox-state = состояние
outbox-tries = попытки
outbox-next = следующая попытка
outbox-problem = ошибка
trace-event = событие
trace-case = дело
trace-state = состояние
trace-seq = запись
trace-pending = ожидает проверки
trace-verdict = вердикт
trace-reason = причина
trace-problem = ошибка
evidence-event = событие
evidence-requester = для кого
evidence-at = когда
evidence-verdict = вердикт
evidence-sub = уточнение
document-seq = запись
document-author = автор
document-sha256 = SHA-256
document-bytes = байтов
document-type = тип
document-label = название
service-name = услуга
service-version = версия
service-digest = хеш
service-performer = исполнитель
service-after = после
service-days = рабочих дней
explain-what = что произошло
explain-do = что делать
explain-side = сторона
explain-exit = код выхода
explain-http = HTTP

case-id = дело
case-title = название
case-status = состояние
case-role = роль
case-home = держатель
case-next = следующие шаги
case-citizen = гражданин
case-service = услуга
case-head = вершина
case-pending = ожидает проверки
case-custody = ведение
show-moved = { $from } передало { $to } { $at }
case-none = дел нет
access-at = когда
access-who = кто
access-purpose = цель
access-answer = ответ
access-tries = попыток
access-grant = право
access-answered = отвечено
show-plan = План
show-grants = Права других ведомств
show-history = История
show-due = срок { $at }
show-revoked = отозвано { $at }
right-read = чтение
plan-when = когда
plan-state = состояние
plan-step = шаг
plan-title = название
plan-who = кто
grant-to = ведомство
grant-rights = может
grant-purpose = цель
grant-ground = основание
grant-performer = исполнитель
grant-deadline = срок
grant-ends = до
grant-id = право
history-seq = №
history-received = получено
history-author = автор
history-kind = вид
history-step = шаг
history-code = код
history-approved = утвердил
history-effect = действие
history-verdict = вердикт
history-event = событие

## Показ

demo-begins = Показ идёт в { $folder }, число { $seed }.
demo-step-federation = удостоверяющий центр, доверенная третья сторона и три ведомства присоединились по одноразовым токенам и нашли друг друга в реестре { $registry }
demo-step-open = город открывает дело { $short } гражданина { $citizen }: заявление { $bytes } байт, утверждает { $official }
demo-step-custody = город предлагает дело транспорту, тот проверяет его целиком и принимает: запись { $seq }; держатель в каждый миг один, и город отвечает, куда дело ушло ({ $code })
demo-step-share = транспорт передаёт шаг { $steps } здравоохранению подписанной ссылкой: { $purpose }, { $ground }, { $performer }, срок { $due }, действует до { $until }
demo-step-examine = здравоохранение читает дело и приносит справку { $bytes } байт: запись { $seq }, есть квитанция о приёме; держатель и ДТС: { $verdict } (квитанция ДТС: запись { $evidence_seq })
demo-step-revoked = здравоохранение приносит действие отозванного { $official }: запись { $seq }, есть квитанция о приёме, последствий нет; держатель и ДТС: { $ttp }, обеим сторонам сообщено { $code }
demo-step-unshare = транспорт отзывает право: здравоохранению сразу отказано ({ $code }, код выхода { $exit }); его просмотры ({ $looks }) и отказ ({ $refused }) стоят в журнале доступа
demo-step-crash = здравоохранение убито после { $killed_after } из { $sent } событий, вернулось за { $back_ms } мс на другом порту, повторено { $repeated }: { $compared } сличено с обеими сторонами, ничего не потеряно и не удвоено
demo-step-close = транспорт принимает решение и закрывает дело с исходом «предоставлено» и выгружает его: записей { $records }, байт { $bytes }
demo-step-stop = { $keep ->
    [yes] все демоны остановлены на время проверки ({ $daemons }) и после неё запускаются снова
   *[no] остановлены все демоны: { $daemons }
}
demo-step-verify = без сети капсула проходит проверку по закреплённому реестру; с одним изменённым битом, в { $flips } местах, она каждый раз отвергнута (код выхода { $exit }), и место названо
demo-step-forged = капсула, целиком подделанная под другим удостоверяющим центром, неразрешима (код выхода { $exit }) и не принята
demo-name-federation = федерация поднимается
demo-name-open = открывается дело
demo-name-custody = дело передаётся другому держателю
demo-name-share = передаётся шаг
demo-name-examine = работает другое ведомство
demo-name-revoked = отозванное должностное лицо
demo-name-unshare = право отзывается
demo-name-crash = узел убит
demo-name-close = дело закрывается
demo-name-stop = демоны останавливаются
demo-name-verify = капсула проверяется
demo-name-forged = поддельная капсула
demo-figure-events = записано событий
demo-figure-receipts = квитанций о приёме
demo-figure-evidence = квитанций ДТС
demo-figure-bytes = байт записано в ленты
demo-figure-commits = фиксаций
demo-figure-syncs = синхронизаций
demo-figure-signatures = подписей сделано
demo-figure-verified = подписей проверено
demo-figure-refused = отказов
demo-figure-send-to-receipt-p50-ms = от отправки до квитанции о приёме, медиана (мс)
demo-figure-send-to-receipt-p99-ms = от отправки до квитанции о приёме, 99-й процентиль (мс)
demo-figure-capsule-bytes = байт в капсуле
demo-figure-total-ms = всё вместе (мс)
demo-next =
    Что попробовать дальше:
      ogic demo --keep       то же, но демоны остаются, с командами для каждого
      ogic demo --seed 7     другой момент гибели узла
      ogic explain OGIC-3003 что значит отказ и что делать
      ogic case --help       команды, которыми пользовались люди в показе
demo-interrupted = Прервано; все демоны остановлены.
demo-kept = Оставлено работать в { $folder }. Говорите с демонами; последняя строка их остановит:
demo-failed =
    { $hint }
    {"      "}шаг     { $step }
    {"      "}папка   { $folder }
    {"      "}журналы
    {"      "}{ $logs }

## Что говорит ogic bench

bench-federation = Два узла вступают в федерацию …
bench-messages = { $messages } сообщений запечатываются и ждут в исходящих; в пути будет { $flight } …
bench-exchange = { $messages } сообщений отправляются, в пути { $flight } …
bench-store = { $records } записей идут в { $store } …
bench-journal = Лента, записей в фиксации: { $batch } …
bench-failed = всё, что осталось, лежит в { $folder }; прочтите node.log в папках home и sender
bench-in-flight = в пути
bench-messages-count = сообщений
bench-messages-per-s = сообщений/с
bench-of-baseline = доля проверок
bench-p50-us = p50 мкс
bench-p99-us = p99 мкс
bench-home-syncs = синхронизаций, держатель
bench-home-signatures = подписей, держатель
bench-sender-syncs = синхронизаций, отправитель
bench-costs = Микросекунд процессора на сообщение (для синхронизации — по часам):
bench-part = часть
bench-side-home = держатель
bench-side-sender = отправитель
bench-part-verify = проверка
bench-part-take = приём
bench-part-decide = решение
bench-part-write = запись
bench-part-sync = синхронизация
bench-part-publish = публикация
bench-part-sign = подпись
bench-part-receipt = квитанции
bench-part-answer = ответы
bench-part-deliver = выдача
bench-part-follow = хранилище
bench-part-exchange = обмен
bench-part-all = всего
bench-store-name = хранилище
bench-records = записей
bench-records-per-s = записей/с
bench-bytes = байтов
bench-reopen-ms = открытие, мс
bench-rebuild-ms = перестройка, мс
bench-case-p50-us = дело p50 мкс
bench-case-p99-us = дело p99 мкс
bench-batch = в фиксации
bench-commits-per-s = фиксаций/с
bench-sync-p50-us = синхр. p50 мкс
bench-sync-p99-us = синхр. p99 мкс
bench-ed25519-verify-per-s = Проверок Ed25519/с у ring на одном ядре, в том же прогоне
bench-append-sync-per-s = Дозаписей 4 КиБ с fdatasync/с, в том же прогоне
bench-machine = ядер: { $cores }, нагрузка в начале: { $load }
bench-machine-memory = ядер: { $cores }, нагрузка в начале: { $load }; папка лежит в памяти, так что ничего не было надёжно

## What ogic verify recognises

verify-kind-capsule = капсула
verify-kind-signed-object = подписанный объект
verify-kind-event-header = заголовок события
verify-kind-approval = утверждение
verify-kind-checkpoint = контрольная точка
verify-kind-reference = ссылка на дело
verify-kind-refusal = отказ
verify-kind-verdict-notice = извещение о проверке
verify-kind-custody-notice = извещение о ведении дела
verify-kind-evidence = квитанция ДТС
verify-kind-registry = реестр
verify-kind-service-definition = описание услуги
verify-kind-announcement = объявление
verify-kind-capsule-manifest = опись капсулы
verify-kind-receipt-frame = квитанции о приёме
verify-kind-revocation-list = список отзыва
verify-kind-certificate = сертификат
verify-kind-extract = выписка

verify-fact-approval = утверждение
verify-fact-case = дело
verify-fact-documents = документов
verify-fact-event = событие
verify-fact-events = событие
verify-fact-evidence = квитанций ДТС
verify-fact-heads = вершин дел
verify-fact-home = ведомство-держатель
verify-fact-identity = подписал
verify-fact-leaves = листьев
verify-fact-lists = новейший список отзыва
verify-fact-made = сделано
verify-fact-next-update = следующий список
verify-fact-not-after = действует до
verify-fact-not-before = действует с
verify-fact-number = номер
verify-fact-origin = дерево записей
verify-fact-outcome = исход
verify-fact-records = записей
verify-fact-requester = спросил
verify-fact-revoked = отозвано
verify-fact-says = заключение
verify-fact-sha256 = SHA-256
verify-fact-signer = сертификат подписавшего
verify-fact-size = листьев в дереве
verify-fact-status = состояние
verify-fact-sub = потому что
at-byte = байт
verify-no-trust = Не дано ничего, чему доверять (--trust): кто подписал, не решено.
verify-no-trust-checks = Не дано ничего, чему доверять (--trust): кто подписал, не решено. Проверки, которым доверие не нужно, прошли ({ $held }): форма, дайджесты, цепочка записей, доказательства и подписи по сертификатам из файла.
verify-no-trust-object = Не дано ничего, чему доверять (--trust): кто подписал, не решено. Форма верна, как и подпись по сертификату, который под рукой.
verify-no-trust-receipt = Не дано ничего, чему доверять (--trust): кто подписал, не решено. Форма и доказательства верны, как и подпись контрольной точки по сертификату, который под рукой.
