/*
 * fuzz_request.c - whatever frames a device with a valid certificate sends, headquarters answers with frames that a device
 * understands, in bounded memory; and afterwards an honest device of the same accounts exchanges, and ends with exactly
 * what headquarters has.
 *
 *   input = flags:byte chunk:byte frame*       flag 1: the request ends with END; 2: its last bytes do not arrive
 *   frame = type:byte size:u16 payload         type 128 and up: as the device would say it, without size and payload
 */
#include "sites.h"

#include "changes.h"
#include "messages.h"
#include "wire/frame.h"

#define FRAMES_MAX 48
#define MEMORY_MAX ((size_t)128 << 20)

const size_t fuzz_mutations = 250;

typedef struct world {
    site s;
    rep device; /* whose certificate the request has */
    rep honest;
    rove_id accounts[2];
    rove_id visit;
} world;

static void work(world *w) {
    rove__row *row = site_row(&w->s, "Visit", rep_id(&w->device));

    rep_update(&w->device, "Account", w->accounts[0], "phone", rove__value_text("555"));
    rep_count(&w->device, "Account", w->accounts[0], "points", 3);
    rep_set_add(&w->device, "Account", w->accounts[1], "tag_ids", 2);
    site_int(row, "account_id", w->accounts[1]);
    site_int(row, "planned_start", SITE_NOW + 86400000);
    site_int(row, "status", 1);
    rep_insert(&w->device, row);
    rep_freeze(&w->device);
    rep_delete(&w->device, "Visit", w->visit);
    rep_freeze(&w->device);
}

static void open_world(world *w) {
    rep_outcome outcome;

    site_afresh(&w->s);
    for (size_t i = 0; i < 2; i++) {
        w->accounts[i] = site_account(&w->s, i == 0 ? "First" : "Second");
    }
    w->visit = site_visit(&w->s, w->accounts[0], SITE_NOW);
    rep_open(&w->device, &w->s, 1000, rove__id_make(100, 1));
    rep_open(&w->honest, &w->s, 1001, rove__id_make(100, 2));
    for (size_t i = 0; i < 2; i++) {
        site_grant(&w->s, w->device.user, w->accounts[i]);
        site_grant(&w->s, w->honest.user, w->accounts[i]);
    }
    rep_exchange(&w->device, &outcome);
    fuzz_check(outcome.verified);
    work(w);
}

static void close_world(world *w) {
    rep_close(&w->device);
    rep_close(&w->honest);
    fuzz_check(w->s.files.open == 0);
}

/* The first batch as the device would have sealed it; the same in every run, so it is made once. */
static rove__bytes sealed_batch(world *w) {
    static heap kept;
    static rove_allocator allocator;
    static rove__buf record;
    const seal_keys *keys = &w->s.seals;
    const rep_batch *batch = &w->device.batches[0];
    uint8_t signature[ROVE_SIGNATURE_MAX];
    uint8_t certificate[SEALS_CERTIFICATE_MAX];
    rove__sealing sealing;
    rove__sealed frame = {.batch = {.replica = w->device.replica,
                                    .number = batch->number,
                                    .frames = 1,
                                    .schema = ROVE_SCHEMA_VERSION,
                                    .previous = batch->previous,
                                    .hash = batch->hash,
                                    .certificate = {certificate, 0}},
                          .rows = batch->rows};

    if (record.size == 0) {
        allocator = heap_allocator(&kept);
        rove__buf_init(&record, &allocator, ROVE_SEALED_MAX);
        frame.batch.certificate.size =
            seals_certificate(w->device.replica, 0, w->device.user, keys->device_public,
                              keys->device_public_size, certificate);
        fuzz_check(rove__sealed_sign(&keys->crypto, (rove__bytes){keys->device, keys->device_size},
                                     &frame.batch, signature) == ROVE_OK);
        fuzz_check(rove__sealing_begin(&sealing, &keys->crypto, keys->seal_key) == ROVE_OK);
        fuzz_check(rove__sealing_frame(&sealing, &frame, &record) == ROVE_OK);
        rove__sealing_end(&sealing);
    }
    return (rove__bytes){record.data, record.size};
}

/* What an honest device would say. */
static void say(world *w, raw_request *q, uint8_t what) {
    rove__bytes record = {NULL, 0};

    switch (what % 4) {
    case 0:
        raw_hello(q, NULL);
        break;
    case 1:
        raw_push(q, &w->device.batches[0]);
        break;
    case 2:
        raw_push(q, &w->device.batches[1]);
        break;
    default:
        record = sealed_batch(w);
        raw_frame(q, what & 4 ? ROVE_FRAME_FORMER : ROVE_FRAME_SEALED, record.data, record.size);
        break;
    }
}

/* Others are the frame reader's business. */
static int is_type(uint8_t type) {
    return (type >= ROVE_FRAME_HELLO && type <= ROVE_FRAME_FORMER) ||
           (type >= ROVE_FRAME_WELCOME && type <= ROVE_FRAME_FORMER_ACK) ||
           type == ROVE_FRAME_PAD || type == ROVE_FRAME_END;
}

static void add_frames(world *w, raw_request *q, fuzz_input *in) {
    for (size_t i = 0; i < FRAMES_MAX && in->left > 0; i++) {
        uint8_t type = fuzz_byte(in);
        if (type >= 128) {
            say(w, q, type);
        } else {
            size_t size = 0;
            const uint8_t *payload = fuzz_take(in, (size_t)fuzz_number(in, 2), &size);
            if (is_type(type)) {
                raw_frame(q, type, payload, size);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static world w;
    fuzz_input in = {data, size};
    uint8_t flags = fuzz_byte(&in);
    rep_outcome outcome;

    open_world(&w);
    w.device.chunk = fuzz_byte(&in) % 64 * 7;
    raw_request *q = raw_open(&w.device);
    add_frames(&w, q, &in);
    if (flags & 1) {
        raw_end(q);
    }
    raw_answer(q, flags & 2 ? 1 : 0, &outcome);
    fuzz_check(w.s.h.most <= MEMORY_MAX);
    w.s.now_ms += 3600000;
    rep_settle(&w.honest);
    rep_check(&w.honest);
    close_world(&w);
    return 0;
}

/* ---- seeds ---- */

static void put_frame(fuzz_output *out, int type, const void *payload, size_t size) {
    fuzz_put_number(out, (uint64_t)type, 1);
    fuzz_put_number(out, size, 2);
    fuzz_put(out, payload, size);
}

static void begin(fuzz_output *out) {
    out->size = 0;
    fuzz_put_number(out, 0x0100, 2);
}

/* A request in which each frame is there as bytes. */
static void give_whole(const fuzz_seed *to, world *w) {
    static fuzz_output out;
    rove__hello hello = raw_default_hello(&w->device);
    rove__buf payload;

    rove__buf_init(&payload, &w->s.allocator, 60000);
    begin(&out);
    fuzz_check(rove__hello_write(&hello, &payload) == ROVE_OK);
    put_frame(&out, ROVE_FRAME_HELLO, payload.data, payload.size);
    for (size_t i = 0; i < w->device.batch_count; i++) {
        const rep_batch *batch = &w->device.batches[i];
        rove__push push = {.number = batch->number,
                           .last = 1,
                           .schema = ROVE_SCHEMA_VERSION,
                           .previous = batch->previous,
                           .rows = batch->rows};
        rove__buf_reset(&payload);
        fuzz_check(rove__push_write(&push, &payload) == ROVE_OK);
        put_frame(&out, ROVE_FRAME_PUSH, payload.data, payload.size);
    }
    fuzz_give(to, &out);
    rove__buf_free(&payload);
}

/* An honest Hello, then one frame of a sample or of rows. */
static void give_with(const fuzz_seed *to, int type, const void *payload, size_t size) {
    static fuzz_output out;

    begin(&out);
    fuzz_put_number(&out, 128, 1);
    put_frame(&out, type, payload, size);
    fuzz_put_number(&out, 129, 1);
    fuzz_give(to, &out);
}

static void give_samples(const fuzz_seed *to, world *w) {
    static const struct {
        const char *name;
        int type;
    } kinds[] = {{"hello_sealing", ROVE_FRAME_HELLO},
                 {"push", ROVE_FRAME_PUSH},
                 {"digest", ROVE_FRAME_DIGEST},
                 {"formers", ROVE_FRAME_FORMERS},
                 {"end", ROVE_FRAME_END}};
    rove__buf payload;

    rove__buf_init(&payload, &w->s.allocator, 60000);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        any_message message;
        kind_of(kinds[i].name)->fill(&message);
        rove__buf_reset(&payload);
        fuzz_check(kind_of(kinds[i].name)->write(&message, &payload) == ROVE_OK);
        give_with(to, kinds[i].type, payload.data, payload.size);
    }
    rove__buf_free(&payload);
}

/* Batches of random changes, as pushes and as rows that headquarters asked for. */
static void give_rows(const fuzz_seed *to, world *w) {
    uint64_t state = 11;

    for (size_t i = 0; i < 24; i++) {
        size_t at = (size_t)(dice(&state) % rove__registry_count(w->s.registry));
        int is_row = i % 6 == 5;
        rove__change change =
            random_change(&state, &w->s.arena, is_row ? ROVE_OP_WHOLE : (rove__op)(1 + i % 4),
                          rove__registry_at(w->s.registry, at));
        rove__buf rows, payload;
        rove__buf_init(&rows, &w->s.allocator, 60000);
        rove__buf_init(&payload, &w->s.allocator, 60000);
        fuzz_check(batch_of(&w->s.allocator, &change, 1, &rows) == ROVE_OK);
        rove__push push = {.number = 1, .last = 1, .schema = 1, .rows = {rows.data, rows.size}};
        fuzz_check(rove__push_write(&push, &payload) == ROVE_OK);
        if (is_row) {
            give_with(to, ROVE_FRAME_ROW, rows.data, rows.size);
        } else {
            give_with(to, ROVE_FRAME_PUSH, payload.data, payload.size);
        }
        rove__buf_free(&rows);
        rove__buf_free(&payload);
    }
}

void fuzz_seeds(const fuzz_seed *to) {
    static const uint8_t honest[] = {1, 0, 128, 129, 130};
    static const uint8_t sealed[] = {1, 9, 128, 131};
    static const uint8_t former[] = {1, 9, 128, 135};
    static const uint8_t cut[] = {2, 3, 128, 129};
    static world w;

    to->give(to, honest, sizeof honest);
    to->give(to, sealed, sizeof sealed);
    to->give(to, former, sizeof former);
    to->give(to, cut, sizeof cut);
    open_world(&w);
    give_whole(to, &w);
    give_samples(to, &w);
    give_rows(to, &w);
    close_world(&w);
}
