/*
 * small/world.c - devices, headquarters, and syncs that stop at one of their points (world.h).
 *
 * Point by point a sync goes like this: of each request, it is not delivered; it is delivered and not answered; of its answer,
 * the first frame arrives, the second, ... The frames of an answer are found by reading it byte by byte.
 */
#include "world.h"

#include "pair.h"
#include "ram.h"
#include "rove/entities.pb-c.h"

#define START_MS   1000
#define ANSWER_MAX 256 /* frames */
#define SETTLE_MAX 8
#define HOUR_MS    INT64_C(3600000)
#define USER(n)    rove__id_make(50, (uint32_t)(n) + 1)

static rove_id ids[RECORDS];
static uint64_t random_state[DEVICES];

/* The sync under way. */
static struct {
    int device;
    sync_point *at; /* NULL: it goes on */
    int points;
    sync_end end;
    int dies_after_delivery;
    sync_outcome out;
} now;

static phone *device_of(int device) {
    return device == 0 ? &first : &second;
}

static const char *entity_of(record r) {
    return r == ACCOUNT ? "Account" : "Visit";
}

static rove_status draw(void *ctx, void *bytes, size_t size) {
    uint64_t *state = ctx;
    uint8_t *to = bytes;

    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)dice(state);
    }
    return ROVE_OK;
}

/* ---- sealing ---- */

/*
 * What a device seals (D9) is opened by nobody here, and making keys and signatures would take half of the time: the fresh key
 * is always the same, so that what follows from it is computed once, and a signature is a row of zeros.
 */
static rove_crypto real;

static rove_status cheap_sign(void *ctx, const void *key, size_t key_size, const void *message,
                              size_t message_size, uint8_t *signature, size_t capacity,
                              size_t *size) {
    (void)ctx;
    (void)key;
    (void)key_size;
    (void)message;
    (void)message_size;
    *size = ROVE_SIGNATURE_MAX < capacity ? ROVE_SIGNATURE_MAX : capacity;
    memset(signature, 0, *size);
    return ROVE_OK;
}

static rove_status cheap_public(void *ctx, const void *key, size_t key_size, uint8_t *public_der,
                                size_t capacity, size_t *size) {
    static uint8_t of[ROVE_KEY_DER_MAX], made[ROVE_PUBLIC_KEY_DER_MAX];
    static size_t of_size, made_size;

    if (of_size != key_size || memcmp(of, key, key_size) != 0) {
        assert_int_equal(real.key_public(ctx, key, key_size, made, sizeof made, &made_size),
                         ROVE_OK);
        memcpy(of, key, key_size);
        of_size = key_size;
    }
    assert_true(made_size <= capacity);
    memcpy(public_der, made, made_size);
    *size = made_size;
    return ROVE_OK;
}

static rove_status cheap_ecdh(void *ctx, const void *key, size_t key_size, const void *public_der,
                              size_t public_size, uint8_t out[ROVE_ECDH_SIZE]) {
    static uint8_t with[ROVE_PUBLIC_KEY_DER_MAX], made[ROVE_ECDH_SIZE];
    static size_t with_size;

    if (with_size != public_size || memcmp(with, public_der, public_size) != 0) {
        assert_int_equal(real.ecdh(ctx, key, key_size, public_der, public_size, made), ROVE_OK);
        memcpy(with, public_der, public_size);
        with_size = public_size;
    }
    memcpy(out, made, sizeof made);
    return ROVE_OK;
}

static void make_sealing_cheap(rove_crypto *crypto) {
    real = *crypto;
    crypto->key_generate = seals_generate;
    crypto->key_public = cheap_public;
    crypto->ecdh = cheap_ecdh;
    crypto->sign = cheap_sign;
}

/* ---- a sync and its points ---- */

/* 1 if it ends here. */
static int ends_here(void) {
    if (now.at != NULL && now.end == SYNC_GOES_ON) {
        now.end = now.at(now.device, now.points++);
        return now.end != SYNC_GOES_ON;
    }
    return 0;
}

/* The same; if the device dies, its files are as they are now. */
static int ends_now(void) {
    if (!ends_here()) {
        return 0;
    }
    if (now.end == SYNC_IS_KILLED) {
        ram_keep(device_of(now.device)->folder);
    }
    return 1;
}

/* Where the frames of an answer end. */
static size_t find_frames(phone *p, const rove__buf *answer, size_t ends[ANSWER_MAX]) {
    rove__frame_reader *reader = NULL;
    rove__frame frame;
    size_t count = 0;

    assert_int_equal(rove__frame_reader_new(&p->own, &reader), ROVE_OK);
    for (size_t i = 0; i < answer->size; i++) {
        assert_int_equal(rove__frame_reader_feed(reader, answer->data + i, 1), ROVE_OK);
        while (rove__frame_reader_next(reader, &frame) == ROVE_OK) {
            assert_true(count < ANSWER_MAX);
            if (count == 0 || ends[count - 1] != i + 1) {
                ends[count++] =
                    i + 1; /* frames that end in one byte of the stream arrive together */
            }
        }
    }
    rove__frame_reader_free(reader);
    return count;
}

/* Delivers the answer up to the end of one of its frames, if it ends there. */
static void maybe_shorten(phone *p, const rove__buf *answer) {
    size_t ends[ANSWER_MAX];
    size_t count = find_frames(p, answer, ends);

    for (size_t i = 0; i < count; i++) {
        if (ends_here()) {
            now.dies_after_delivery = now.end == SYNC_IS_KILLED;
            p->cut_at = ends[i];
            p->cut_status = ROVE_NETWORK;
            return;
        }
    }
}

static rove_status pass(phone *p, const rove_request *request, const rove__buf *body,
                        rove__buf *answer) {
    if (strstr(request->url, "/v1/exchange") == NULL) {
        return route(p, request, body, answer);
    }
    now.out.differed |= p->replica != NULL && p->replica->send_digests;
    if (ends_now()) {
        return ROVE_NETWORK;
    }
    serve(p, body, answer);
    if (ends_now()) {
        return ROVE_NETWORK;
    }
    if (now.at != NULL && now.end == SYNC_GOES_ON) {
        maybe_shorten(p, answer);
    }
    now.out.answered = 1;
    return ROVE_OK;
}

/* Called when some of the answer was delivered: all that is to be. */
static void delivered(phone *p) {
    if (now.dies_after_delivery) {
        ram_keep(p->folder);
        now.dies_after_delivery = 0;
    }
}

static void open_again(phone *p) {
    phone_close(p);
    ram_back(p->folder);
    phone_open(p);
}

static rove_status run_sync(int device, sync_point *at, rove_sync_report *report) {
    phone *p = device_of(device);

    memset(&now, 0, sizeof now);
    now.device = device;
    now.at = at;
    rove_status status = rove_sync(p->replica, NULL, report, &p->error);
    p->cut_at = 0;
    now.out.differed |= p->replica->send_digests;
    return status;
}

sync_outcome world_sync(int device, sync_point *at) {
    phone *p = device_of(device);
    rove_status status = run_sync(device, at, NULL);

    now.out.complete = now.end == SYNC_GOES_ON;
    if (now.end == SYNC_IS_KILLED) {
        open_again(p);
    } else if (now.end == SYNC_GOES_ON || (status != ROVE_NETWORK && status != ROVE_TRUNCATED)) {
        phone_ok(p, status);
    }
    return now.out;
}

void world_kill(int device) {
    phone *p = device_of(device);

    ram_keep(p->folder);
    open_again(p);
}

int world_settle(int device) {
    phone *p = device_of(device);
    int differed = 0;

    for (int i = 0; i < SETTLE_MAX; i++) {
        rove_sync_report report;
        phone_ok(p, run_sync(device, NULL, &report));
        differed |= now.out.differed;
        if (report.verified && phone_state(p).pending == 0) {
            return differed;
        }
    }
    fail_msg("device %d does not agree with headquarters", device);
    return 1;
}

/* ---- the beginning ---- */

static void open_device(int device, const char *name) {
    phone *p = device_of(device);

    phone_prepare(p, name);
    random_state[device] = (uint64_t)device + 1;
    p->ports.files = ram_files();
    p->ports.random = (rove_random){draw, &random_state[device]};
    p->now.wall_ms = SITE_NOW;
    p->number = 7 + (rove_replica)device;
    p->user = USER(device);
    p->until_ms = SITE_NOW + 3000 * PHONE_DAY_MS;
    p->renew_after_ms = SITE_NOW + 2000 * PHONE_DAY_MS;
    p->route = pass;
    p->meanwhile = delivered;
    register_device(p->number, p->user);
    phone_open(p);
    phone_enroll(p);
    make_sealing_cheap(&p->replica->ports.crypto);
    make_sealing_cheap(&p->ports.crypto); /* when it is opened again */
}

static void text_of(int64_t value, char text[24]) {
    (void)snprintf(text, 24, "%lld", (long long)value);
}

void world_open(int64_t value, int64_t stage) {
    char text[24];

    ram_register();
    site_open(&hq);
    text_of(value, text);
    rove__row *account = site_row(&hq, "Account", 0);
    site_text(account, "name", "Ajax");
    site_text(account, "phone", text);
    site_int(account, "lifecycle_stage", stage);
    site_int(account, "points", value);
    ids[ACCOUNT] = site_insert(&hq, account);
    ids[VISIT] = site_visit(&hq, ids[ACCOUNT], SITE_NOW);
    rove__row *visit = site_row(&hq, "Visit", ids[VISIT]);
    site_text(visit, "notes", text);
    site_text(visit, "outcome", text);
    site_update(&hq, visit);
    open_device(0, "a");
    open_device(1, "b");
    for (int device = 0; device < DEVICES; device++) {
        site_grant(&hq, USER(device), ids[ACCOUNT]);
        (void)world_settle(device);
    }
    phone_ok(&first, rove_element(first.replica, "Account", ids[ACCOUNT], SET_FIELD,
                                  rove_text(text), 1, &first.error));
    for (int device = 0; device < DEVICES; device++) {
        (void)world_settle(device);
        (void)world_shown(device, ACCOUNT, "phone"); /* a reader is open from now on */
    }
}

/* ---- a device ---- */

void world_tick(int device, int64_t ms) {
    phone *p = device_of(device);

    p->now.wall_ms += ms;
    p->now.boot_ms += ms;
}

rove_status world_do(int device, const op *o) {
    phone *p = device_of(device);
    rove *replica = p->replica;
    const char *entity = entity_of(o->record);
    rove_id id = ids[o->record];
    char text[24];
    rove_id made = 0;

    text_of(o->value, text);
    rove_field field = {o->field, rove_text(text)};
    rove_field stage = {o->field, rove_int(o->value)};
    rove_field fresh[] = {field,
                          {"account_id", rove_int(ids[ACCOUNT])},
                          {"planned_start", rove_int(SITE_NOW)},
                          {"status", rove_int(ROVE__VISIT__STATUS__PLANNED)}};
    switch (o->kind) {
    case NOTHING:
        return ROVE_OK;
    case SET:
        return id == 0 ? ROVE_NOT_FOUND : rove_update(replica, entity, id, &field, 1, &p->error);
    case RANK:
        return rove_update(replica, entity, id, &stage, 1, &p->error);
    case COUNT:
        return rove_increment(replica, entity, id, o->field, o->value, &p->error);
    case ADD:
    case REMOVE:
        return rove_element(replica, entity, id, SET_FIELD, rove_text(text), o->kind == ADD,
                            &p->error);
    case INSERT:
        if (world_shown(device, ACCOUNT, "phone") < 0) {
            return ROVE_NOT_FOUND; /* nobody visits an account that he does not see */
        }
        phone_ok(p, rove_insert(replica, entity, fresh, 4, &made, &p->error));
        ids[o->record] = made;
        return ROVE_OK;
    case DELETE:
        return id == 0 ? ROVE_NOT_FOUND : rove_delete(replica, entity, id, &p->error);
    case SEAL:
        return rove_seal(replica, entity, id, &field, 1, &p->error);
    }
    return ROVE_INVALID;
}

/* The number in a column of one row; `none` if there is no row. */
static int64_t ask(int device, const char *sql, int64_t none) {
    phone *p = device_of(device);
    rove_query *query = NULL;
    int64_t number = none;

    phone_ok(p, rove_query_new(p->replica, sql, NULL, 0, &query, &p->error));
    rove_status status = rove_query_step(query, &p->error);
    if (status == ROVE_OK) {
        number = rove_query_value(query, 0).as.integer;
    } else if (status != ROVE_DONE) {
        phone_ok(p, status);
    }
    rove_query_free(query);
    return number;
}

int64_t world_shown(int device, record r, const char *field) {
    char sql[200];

    if (ids[r] == 0) {
        return -1;
    }
    (void)snprintf(sql, sizeof sql, "SELECT ifnull(CAST(%s AS INTEGER), 0) FROM %s WHERE id = %lld",
                   field, r == ACCOUNT ? "account" : "visit", (long long)ids[r]);
    return ask(device, sql, -1);
}

int world_shows_element(int device, int64_t element) {
    char sql[200];

    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM account_alt_names WHERE element = '%lld' AND id = %lld",
                   (long long)element, (long long)ids[ACCOUNT]);
    return ask(device, sql, 0) != 0;
}

void world_verify(int device) {
    phone *p = device_of(device);
    uint64_t records = 0;

    phone_ok(p, rove_verify(p->replica, &records, &p->error));
}

uint64_t world_refused(int device) {
    rove_state state = phone_state(device_of(device));

    assert_int_equal(state.pending, 0);
    return state.rejections + state.quarantined;
}

/* ---- headquarters ---- */

void world_wait(int64_t ms) {
    hq.now_ms += ms;
}

void world_reassign(int from, int to) {
    site_reassign(&hq, USER(from), USER(to), &ids[ACCOUNT], 1);
}

static int64_t number_of(const rove_value *value) {
    char text[24] = "";

    if (value->type == ROVE_INT) {
        return value->as.integer;
    }
    if (value->type != ROVE_TEXT || value->size >= sizeof text) {
        return 0;
    }
    memcpy(text, value->as.data, value->size);
    return strtoll(text, NULL, 10);
}

int64_t world_current(record r, const char *field) {
    rove__hq_row row;

    if (ids[r] == 0 || !site_get(&hq, entity_of(r), ids[r], &row) || row.dead != 0) {
        return -1;
    }
    return number_of(&row.row.cells[rove__entity_field_named(row.row.entity, field)]);
}

int world_has_element(int64_t element) {
    rove_value cell = site_cell(&hq, "Account", ids[ACCOUNT], SET_FIELD);
    rove__set set;
    char text[24];
    int found = 0;

    text_of(element, text);
    rove_value wanted = rove__value_text(text);
    assert_int_equal(rove__set_read(&set, &cell, ROVE_SET_VERSIONED, &hq.arena), ROVE_OK);
    (void)rove__set_find(&set, &wanted, &found);
    return found;
}

uint64_t world_head(void) {
    return memory_headquarters_head(hq.hq);
}

size_t world_reviews(void) {
    return memory_headquarters_reviews(hq.hq);
}

/* A conflict's value: a type byte, then a zigzag varint, or a size and a text. */
static int64_t value_in(const rove_value *bytes) {
    const uint8_t *at = bytes->as.data;
    uint64_t number = 0;
    char text[24] = "";

    if (bytes->type != ROVE_BLOB || bytes->size < 2) {
        return 0;
    }
    for (size_t i = 1; i < bytes->size && i < 10; i++) {
        number |= (uint64_t)(at[i] & 0x7f) << (7 * (i - 1));
        if ((at[i] & 0x80) == 0) {
            break;
        }
    }
    if (at[0] == ROVE_INT) {
        return (int64_t)(number >> 1);
    }
    if (at[0] != ROVE_TEXT || number >= sizeof text || bytes->size != 2 + number) {
        return 0;
    }
    memcpy(text, at + 2, (size_t)number);
    return strtoll(text, NULL, 10);
}

static const char *field_numbered(record r, int64_t number) {
    static const char *const fields[] = {"phone", "notes", "outcome", "lifecycle_stage", SET_FIELD};
    const rove__entity *entity = rove__registry_by_name(hq.registry, entity_of(r));

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        int ordinal = rove__entity_field_named(entity, fields[i]);
        if (ordinal >= 0 && entity->fields[ordinal].number == number) {
            return fields[i];
        }
    }
    return NULL;
}

int world_conflict(size_t nth, clash *c) {
    rove_id id = site_conflict(&hq, 0, nth);
    rove_value lost;
    rove_value kept;
    rove_id about = 0;

    memset(c, 0, sizeof *c);
    if (id == 0) {
        return 0;
    }
    about = site_cell(&hq, "Conflict", id, "record_id").as.integer;
    while (c->record < RECORDS && ids[c->record] != about) {
        c->record++;
    }
    assert_true(c->record < RECORDS);
    kept = site_cell(&hq, "Conflict", id, "kept_value");
    lost = site_cell(&hq, "Conflict", id, "lost_value");
    rove_value field = site_cell(&hq, "Conflict", id, "field_number");
    c->kind = site_cell(&hq, "Conflict", id, "kind").as.integer;
    c->field = field.type == ROVE_NULL ? NULL : field_numbered(c->record, field.as.integer);
    c->number = field.type == ROVE_NULL ? 0 : field.as.integer;
    c->kept_by = site_cell(&hq, "Conflict", id, "kept_replica").as.integer;
    c->lost_by = site_cell(&hq, "Conflict", id, "lost_replica").as.integer;
    if (c->kind == ROVE__CONFLICT__KIND__SECOND_SEAL) {
        c->sealed_at = site_cell(&hq, "Conflict", id, "lost_stamp").as.integer;
    }
    c->kept = value_in(&kept);
    c->lost = value_in(&lost);
    return 1;
}
