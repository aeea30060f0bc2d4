/*
 * fuzz_script.c - whatever two devices of a rep and headquarters do, and however often connections break, old requests
 * come again, processes end, clocks jump and headquarters comes back from a backup: afterwards a few clean exchanges make
 * all three agree, every digest holds, every account that was made is at headquarters, and no increment was lost or added
 * twice. Where somebody between them has put other frames in, which TLS does not allow, it is enough that nothing breaks.
 *
 *   input = act*
 *   act   = what:byte operand*      what & 64: the second device
 */
#include "pair.h"

#include "replicas.h"
#include "sites.h"

#define ACTS_MAX     40
#define ACCOUNTS_MAX 12
#define VISITS_MAX   12
#define DAY_MS       INT64_C(86400000)

const size_t fuzz_mutations = 30;

typedef struct script {
    fuzz_input in;
    kept_replica kept[2];
    rove_replica numbers[2];
    rove_id accounts[ACCOUNTS_MAX];
    size_t account_count;
    rove_id granted[3]; /* accounts of headquarters' own */
    int held[3];
    rove_id visits[VISITS_MAX];
    size_t visit_count;
    uint64_t made;   /* accounts by the devices */
    int64_t counted; /* increments by the devices */
    size_t backups;  /* of headquarters */
    uint64_t timeline;
    int restored;
    int tainted; /* somebody put frames in */
    int64_t passed_ms;
    /* of the exchange under way */
    size_t cut_request; /* bytes that arrive, + 1; 0: all */
    int mutate;         /* 1: the request, 2: the answer */
    rove__buf old[2];   /* what a device sent once */
} script;

static script s;

/* ---- the network ---- */

/* Takes frames apart, changes a byte of one of them and puts them together again. */
static void mutate(rove__buf *bytes, int window) {
    rove__frame_reader *reader = NULL;
    rove__frame_writer *writer = NULL;
    rove__frame frame;
    rove__buf changed;
    size_t at = fuzz_byte(&s.in);
    uint8_t mask = fuzz_byte(&s.in);
    size_t which = fuzz_byte(&s.in);
    size_t n = 0;

    rove__buf_init(&changed, bytes->allocator, (size_t)64 << 20);
    fuzz_check(rove__frame_reader_new(bytes->allocator, &reader) == ROVE_OK);
    fuzz_check(rove__frame_writer_new(bytes->allocator, window, &writer) == ROVE_OK);
    fuzz_check(rove__frame_reader_feed(reader, bytes->data, bytes->size) == ROVE_OK);
    while (rove__frame_reader_next(reader, &frame) == ROVE_OK) {
        uint8_t *payload = malloc(frame.size + 1);
        memcpy(payload, frame.payload, frame.size);
        if (frame.size > 0 && n++ == which % 8) {
            payload[at * frame.size / 256] ^= mask;
        }
        fuzz_check(rove__frame_write(writer, frame.type, payload, frame.size, &changed) == ROVE_OK);
        if (which & 8) { /* and twice */
            fuzz_check(rove__frame_write(writer, frame.type, payload, frame.size, &changed) ==
                       ROVE_OK);
        }
        free(payload);
    }
    fuzz_check(rove__frame_write_end(writer, &changed) == ROVE_OK);
    rove__frame_reader_free(reader);
    rove__frame_writer_free(writer);
    rove__buf_reset(bytes);
    rove__buf_append(bytes, changed.data, changed.size);
    rove__buf_free(&changed);
    s.tainted = 1;
}

static rove_status exchange_route(phone *p, const rove__buf *body, rove__buf *answer) {
    rove__buf *old = &s.old[p == &second];
    rove__buf sent;

    rove__buf_reset(old);
    rove__buf_append(old, body->data, body->size);
    rove__buf_init(&sent, &p->own, (size_t)64 << 20);
    rove__buf_append(&sent, body->data, body->size);
    if (s.mutate == 1) {
        mutate(&sent, ROVE_FRAME_REQUEST_WINDOW_LOG);
    }
    if (s.cut_request != 0 && s.cut_request - 1 < sent.size) {
        rove__buf_truncate(&sent, s.cut_request - 1);
    }
    serve(p, &sent, answer);
    rove__buf_free(&sent);
    if (s.mutate == 2) {
        mutate(answer, ROVE_FRAME_WINDOW_LOG);
    }
    s.mutate = 0;
    s.cut_request = 0;
    return ROVE_OK;
}

static rove_status script_route(phone *p, const rove_request *request, const rove__buf *body,
                                rove__buf *answer) {
    if (strstr(request->url, "/v1/exchange") != NULL) {
        return exchange_route(p, body, answer);
    }
    /* pair.h can tell no more devices apart. */
    return device_count < 8 ? route(p, request, body, answer) : ROVE_TIMEOUT;
}

/* ---- what devices do ---- */

static rove_id account(void) {
    return s.account_count == 0 ? 0 : s.accounts[fuzz_byte(&s.in) % s.account_count];
}

static rove_id visit(void) {
    return s.visit_count == 0 ? 0 : s.visits[fuzz_byte(&s.in) % s.visit_count];
}

/* What a rep may not do is refused; a device never fails. */
static int done(rove_status status) {
    fuzz_check(status == ROVE_OK || rove_status_classify(status) == ROVE_CLASS_CALLER);
    return status == ROVE_OK;
}

static void make_account(phone *p) {
    char name[8] = {(char)('a' + fuzz_byte(&s.in) % 26), 0};
    rove_field fields[] = {{"name", rove_text(name)}};
    rove_id id = 0;

    if (done(rove_insert(p->replica, "Account", fields, 1, &id, &p->error))) {
        s.made++;
        if (s.account_count < ACCOUNTS_MAX) {
            s.accounts[s.account_count++] = id;
        }
    }
}

static void change_account(phone *p) {
    static const char *const texts[] = {"1", "22", "Weg 3", ""};
    rove_id id = account();
    uint8_t how = fuzz_byte(&s.in);
    rove_field fields[] = {{"phone", rove_text(texts[how / 8 % 4])},
                           {"lifecycle_stage", rove_int(1 + how / 32)}};

    switch (how % 6) {
    case 0:
    case 1:
        (void)done(rove_update(p->replica, "Account", id, &fields[how % 2], 1, &p->error));
        break;
    case 2:
        (void)done(rove_update(p->replica, "Account", id, fields, 2, &p->error));
        break;
    case 3:
        s.counted += done(rove_increment(p->replica, "Account", id, "points", 1, &p->error));
        break;
    default:
        (void)done(rove_element(p->replica, "Account", id, "tag_ids", rove_int(1 + how / 64),
                                how % 6 == 4, &p->error));
        break;
    }
}

static void make_visit(phone *p) {
    rove_id at = account();
    rove_field fields[] = {{"account_id", rove_int(at)},
                           {"planned_start", rove_int(SITE_NOW + fuzz_byte(&s.in) * DAY_MS / 4)}};
    rove_id id = 0;

    if (done(rove_insert(p->replica, "Visit", fields, 2, &id, &p->error)) &&
        s.visit_count < VISITS_MAX) {
        s.visits[s.visit_count++] = id;
    }
}

static void change_visit(phone *p) {
    rove_id id = visit();
    uint8_t how = fuzz_byte(&s.in);
    rove_field notes[] = {{"notes", rove_text(how & 64 ? "asked" : "samples")}};
    rove_field moved[] = {{"account_id", rove_int(account())}};

    switch (how % 8) {
    case 0:
    case 1:
        (void)done(rove_update(p->replica, "Visit", id, notes, 1, &p->error));
        break;
    case 2:
        (void)done(rove_update(p->replica, "Visit", id, moved, 1, &p->error));
        break;
    case 3:
        (void)done(rove_delete(p->replica, "Visit", id, &p->error));
        break;
    case 4:
        (void)done(rove_seal(p->replica, "Visit", id, notes, 1, &p->error));
        break;
    case 5:
        (void)done(rove_undo(p->replica, "Visit", id, &p->error));
        break;
    default: /* several at once */
        if (done(rove_begin(p->replica, &p->error))) {
            (void)done(rove_update(p->replica, "Visit", id, notes, 1, &p->error));
            make_visit(p);
            (void)done(rove_commit(p->replica, &p->error));
        }
        break;
    }
}

/* ---- exchanges ---- */

static void exchange(phone *p, uint8_t how) {
    static const rove_status ends[] = {ROVE_OK, ROVE_NETWORK, ROVE_TIMEOUT};
    rove_sync_report report;

    p->write_chunk = how & 1 ? 7 : 0;
    switch (how / 2 % 8) {
    case 1:
    case 2:
        p->cut_at = (size_t)fuzz_number(&s.in, 2) % 2048 + 1;
        p->cut_status = ends[fuzz_byte(&s.in) % 3];
        break;
    case 3:
        s.cut_request = (size_t)fuzz_number(&s.in, 2) % 1024 + 1;
        break;
    case 4:
        p->refuse = ROVE_NETWORK;
        p->refusals = 1;
        break;
    case 5:
        s.mutate = 1 + fuzz_byte(&s.in) % 2;
        break;
    default:
        break;
    }
    rove_status status = rove_sync(p->replica, NULL, &report, &p->error);
    fuzz_check(status != ROVE_CORRUPT && status != ROVE_INVALID && status != ROVE_NOMEM);
    p->cut_at = 0;
    p->refusals = 0;
    s.cut_request = 0;
    s.mutate = 0;
}

/* Somebody sends again what was sent before; its answer goes nowhere. */
static void replay(phone *p) {
    rove__buf answer;

    if (s.old[p == &second].size > 0) {
        rove__buf_init(&answer, &p->own, (size_t)64 << 20);
        serve(p, &s.old[p == &second], &answer);
        rove__buf_free(&answer);
    }
}

/* ---- headquarters ---- */

static void headquarters(uint8_t how) {
    size_t at = how / 8 % 3;
    rove__row *row = NULL;

    switch (how % 8) {
    case 0:
    case 1:
        if (s.held[at]) {
            site_revoke(&hq, PHONE_USER, s.granted[at]);
        } else {
            site_grant(&hq, PHONE_USER, s.granted[at]);
        }
        s.held[at] ^= 1;
        break;
    case 2:
        row = site_row(&hq, "Account", s.granted[at]);
        site_text(row, "website", how & 128 ? "x" : "y");
        site_update(&hq, row);
        break;
    case 3:
        (void)site_visit(&hq, s.granted[at], SITE_NOW + how * DAY_MS);
        break;
    case 4:
        hq.page_rows = how / 32;
        hq.ack_bytes = how & 8 ? 1 : 0;
        break;
    case 5:
        back_up();
        (void)memory_headquarters_backup(hq.hq);
        s.backups += s.backups < 60;
        break;
    case 6:
        if (s.backups > 0) {
            s.timeline++;
            memory_headquarters_restore(hq.hq, s.backups - 1, s.timeline,
                                        (rove_replica)(5000 + s.timeline));
            s.restored = 1;
        }
        break;
    default:
        site_purge(&hq, hq.now_ms - (int64_t)how * 1000);
        break;
    }
}

/* Time passes everywhere; a device's wall clock may go elsewhere. */
static void pass(phone *p, uint8_t how) {
    int64_t ms = how % 4 == 0 ? 3600000 : (int64_t)how * 100;

    if (s.passed_ms < 15 * DAY_MS) {
        s.passed_ms += ms;
        hq.now_ms += ms;
        first.now.boot_ms += ms;
        second.now.boot_ms += ms;
        first.now.wall_ms += ms;
        second.now.wall_ms += ms;
    }
    if (how >= 224) {
        p->now.wall_ms += (int64_t)(how - 240) * DAY_MS * 30;
    }
}

static void act(void) {
    uint8_t what = fuzz_byte(&s.in);
    phone *p = what & 64 ? &second : &first;

    switch (what % 16) {
    case 0:
    case 1:
        make_account(p);
        break;
    case 2:
    case 3:
    case 4:
        change_account(p);
        break;
    case 5:
        make_visit(p);
        break;
    case 6:
    case 7:
        change_visit(p);
        break;
    case 8:
        phone_close(p);
        phone_open(p);
        break;
    case 9:
        replay(p);
        break;
    case 10:
        pass(p, fuzz_byte(&s.in));
        break;
    case 11:
    case 12:
        headquarters(fuzz_byte(&s.in));
        break;
    default:
        exchange(p, fuzz_byte(&s.in));
        break;
    }
}

/* ---- the end ---- */

/* Until it agrees; what differs may be fetched again once an hour. */
static void clean(phone *p) {
    rove_sync_report report;

    for (int i = 0; i < 8; i++) {
        pass(p, 4);
        rove_status status = rove_sync(p->replica, NULL, &report, &p->error);
        if (status == ROVE_OK && report.verified && phone_state(p).pending == 0) {
            break;
        }
        fuzz_check(i < 7 || s.tainted);
        fuzz_check(status == ROVE_OK || s.tainted);
    }
    uint64_t records = 0;
    phone_ok(p, rove_verify(p->replica, &records, &p->error));
    fuzz_check(records == phone_state(p).records);
}

static int64_t points(void) {
    int64_t sum = 0;

    for (size_t i = 0; i < s.account_count; i++) {
        rove__hq_row row;
        if (site_get(&hq, "Account", s.accounts[i], &row)) {
            rove_value value = site_cell(&hq, "Account", s.accounts[i], "points");
            sum += value.type == ROVE_INT ? value.as.integer : 0;
        }
    }
    return sum;
}

static void finish(void) {
    const rove__entity *of = rove__registry_by_name(hq.registry, "Account");

    s.in.left = 0;
    clean(&first);
    clean(&second);
    clean(&first);
    if (s.tainted) {
        return;
    }
    size_t reviews = memory_headquarters_reviews(hq.hq) + memory_headquarters_parked(hq.hq);
    uint64_t there = memory_headquarters_rows(hq.hq, of->number);
    fuzz_check(there + reviews >= s.made + (s.restored ? 0 : 3) && there <= s.made + 3);
    fuzz_check(points() <= s.counted && points() + (int64_t)reviews >= s.counted);
}

/* ---- life ---- */

static void begin_phone(phone *p, size_t at) {
    p->number = s.numbers[at];
    p->now = (rove_clock_reading){.wall_ms = SITE_NOW, .boot_ms = 1000};
    p->chain = (rove__chain){{0}};
    p->judged = 0;
    p->write_chunk = 0;
    rove__arena_reset(&p->arena);
    register_device(p->number, p->user);
    replica_restore(p, &s.kept[at]);
    phone_open(p);
}

static void prepare(void) {
    for (size_t i = 0; i < 2; i++) {
        phone *p = i == 0 ? &first : &second;
        char folder[60];
        snprintf(folder, sizeof folder, "%s/%d", scratch_home(), (int)i);
        s.numbers[i] = (rove_replica)(7 + i);
        open_phone(p, folder, s.numbers[i]);
        p->route = script_route;
        phone_close(p);
        replica_keep(p, &s.kept[i]);
        rove__buf_init(&s.old[i], &p->own, (size_t)64 << 20);
    }
    for (size_t i = 0; i < device_count; i++) {
        rep_close(&devices[i]);
    }
}

static void begin(void) {
    site_afresh(&hq);
    device_count = 0;
    if (s.kept[0].bytes[0] == NULL) {
        prepare();
        site_afresh(&hq);
        device_count = 0;
    }
    begin_phone(&first, 0);
    begin_phone(&second, 1);
    s.account_count = s.visit_count = s.backups = 0;
    s.made = 0;
    s.counted = 0;
    s.timeline = 1;
    s.restored = s.tainted = 0;
    s.passed_ms = 0;
    for (size_t i = 0; i < 3; i++) {
        s.granted[i] = s.accounts[s.account_count++] = site_account(&hq, "of headquarters");
        s.held[i] = i < 2;
        if (s.held[i]) {
            site_grant(&hq, PHONE_USER, s.granted[i]);
        }
        rove__buf_reset(&s.old[i % 2]);
    }
}

static void end(void) {
    phone_close(&first);
    phone_close(&second);
    fuzz_check(first.memory.alive == 0 && second.memory.alive == 0);
    phone_forget(first.folder);
    phone_forget(second.folder);
    for (size_t i = 0; i < device_count; i++) {
        rep_close(&devices[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    begin();
    s.in = (fuzz_input){data, size};
    for (size_t i = 0; i < ACTS_MAX && s.in.left > 0; i++) {
        act();
    }
    finish();
    end();
    return 0;
}

/* ---- seeds ---- */

void fuzz_seeds(const fuzz_seed *to) {
    /* Each line is a story: 13 exchanges, 11 acts for headquarters. */
    static const uint8_t plain[] = {13, 0, 0, 1, 2, 0, 3, 5, 0, 9, 13, 0, 77, 0, 66, 0, 3, 77, 0};
    static const uint8_t cut[] = {0, 1, 13, 2, 0,  200, 1, 2,  3,  3, 13,
                                  2, 0, 3,  1, 13, 6,   0, 90, 13, 0};
    static const uint8_t again[] = {0, 1, 13, 0, 2, 3, 3, 9, 13, 0, 9, 9, 73, 13, 0};
    static const uint8_t scopes[] = {13, 0, 11, 0, 2, 0, 3, 13, 0, 11, 0, 11, 16, 13, 0, 77, 0};
    static const uint8_t leaves[] = {13, 0, 2, 0, 3, 3, 1, 3, 11, 0, 13, 0, 11, 0, 13, 0, 77, 0};
    static const uint8_t restore[] = {0, 1,  13, 0,  11, 5,  2, 3, 3, 13,
                                      0, 11, 6,  13, 0,  77, 0, 2, 3, 3};
    static const uint8_t clocks[] = {13, 0, 10, 255, 2,  0, 0, 10, 224,
                                     13, 0, 74, 225, 66, 0, 8, 77, 0};
    static const uint8_t visits[] = {13, 0, 5, 0,  1, 13, 0, 6, 0, 4,  0, 7,
                                     0,  3, 0, 13, 0, 70, 0, 0, 0, 77, 0};
    static const uint8_t frames[] = {0, 1, 13, 10, 1, 9, 4, 2, 13, 10, 0, 200, 8, 1, 13, 0};
    static const uint8_t purge[] = {13, 0, 77, 0, 11, 2, 10, 4, 11, 7, 13, 0, 8, 72, 77, 0};

    to->give(to, plain, sizeof plain);
    to->give(to, cut, sizeof cut);
    to->give(to, again, sizeof again);
    to->give(to, scopes, sizeof scopes);
    to->give(to, leaves, sizeof leaves);
    to->give(to, restore, sizeof restore);
    to->give(to, clocks, sizeof clocks);
    to->give(to, visits, sizeof visits);
    to->give(to, frames, sizeof frames);
    to->give(to, purge, sizeof purge);
}
