/*
 * fuzz_answer.c - whatever frames headquarters answers with, a device takes or refuses them, and its replica is whole
 * afterwards: the database, every digest, and what it says of itself when it is opened again. As long as nothing was
 * acknowledged, all unsent work is still there.
 *
 *   input = flags:byte chunk:byte frame*       flag 1: the answer ends with END; 2: its last bytes do not arrive
 *   frame = type:byte size:u16 payload         type 128 and up: as headquarters would say it, without size and payload
 */
#include "replicas.h"

#include "changes.h"
#include "messages.h"

#define FRAMES_MAX 48

const size_t fuzz_mutations = 60;

static phone p;
static kept_replica kept;
static fuzz_input answers; /* the frames still to be composed */
static uint8_t flags;
static int acknowledges;
static int exchanges;

static int is_type(uint8_t type) {
    return (type >= ROVE_FRAME_HELLO && type <= ROVE_FRAME_FORMER) ||
           (type >= ROVE_FRAME_WELCOME && type <= ROVE_FRAME_FORMER_ACK) ||
           type == ROVE_FRAME_PAD || type == ROVE_FRAME_END;
}

static void compose(rove__frame_writer *writer, rove__buf *answer) {
    for (size_t i = 0; i < FRAMES_MAX && answers.left > 0; i++) {
        uint8_t type = fuzz_byte(&answers);
        size_t size = 0;
        if (type >= 192) {
            phone_pages(&p, writer, answer);
        } else if (type >= 128) {
            phone_welcome(&p, writer, answer);
        } else {
            const uint8_t *payload = fuzz_take(&answers, (size_t)fuzz_number(&answers, 2), &size);
            if (is_type(type)) {
                fuzz_check(rove__frame_write(writer, (rove__frame_type)type, payload, size,
                                             answer) == ROVE_OK);
            }
            acknowledges |= type == ROVE_FRAME_ACK || type == ROVE_FRAME_FORMER_ACK;
        }
    }
    if (flags & 1) {
        phone_end(&p, writer, answer, 0);
    }
}

/* The first exchange gets the answer, then there is no network any more. */
static rove_status route(phone *self, const rove_request *request, const rove__buf *body,
                         rove__buf *answer) {
    rove__frame_writer *writer = NULL;

    if (strstr(request->url, "/v1/renew") != NULL) {
        return phone_renew(self, body, answer);
    }
    if (strstr(request->url, "/v1/exchange") == NULL || exchanges++ > 0) {
        return ROVE_TIMEOUT;
    }
    fuzz_check(rove__frame_writer_new(&self->own, ROVE_FRAME_WINDOW_LOG, &writer) == ROVE_OK);
    compose(writer, answer);
    fuzz_check(rove__frame_write_end(writer, answer) == ROVE_OK);
    rove__frame_writer_free(writer);
    if (flags & 2) {
        rove__buf_truncate(answer, answer->size - 1);
    }
    return ROVE_OK;
}

/* A device with accounts from headquarters and work of its own, some of it frozen. */
static void prepare(void) {
    char folder[60];
    rove_sync_report report;
    rove_field fields[] = {{"name", rove_text("changed")}};

    snprintf(folder, sizeof folder, "%s/p", scratch_home());
    phone_start(&p, folder);
    p.accounts = 3;
    (void)phone_account(&p, "acknowledged");
    phone_ok(&p, rove_sync(p.replica, NULL, &report, &p.error));
    (void)phone_account(&p, "frozen");
    phone_ok(&p, rove_update(p.replica, "Account", rove__id_make(1, 1), fields, 1, &p.error));
    p.refuse = ROVE_NETWORK;
    p.refusals = 1;
    phone_is(&p, rove_sync(p.replica, NULL, &report, &p.error), ROVE_NETWORK);
    (void)phone_account(&p, "not frozen");
    phone_ok(&p, rove_update(p.replica, "Account", rove__id_make(1, 2), fields, 1, &p.error));
    phone_close(&p);
    replica_keep(&p, &kept);
    p.route = route;
}

static void begin(void) {
    static rove_replica number;

    if (kept.bytes[0] == NULL) {
        prepare();
        number = p.number;
    }
    p.number = number;
    p.now.wall_ms = PHONE_NOW_MS;
    rove__arena_reset(&p.arena);
    replica_restore(&p, &kept);
    phone_open(&p);
}

static void is_whole(uint64_t pending) {
    uint64_t records = 0;

    phone_ok(&p, rove_verify(p.replica, &records, &p.error));
    rove_state before = phone_state(&p);
    fuzz_check(records == before.records);
    fuzz_check(acknowledges || before.pending == pending);
    phone_close(&p);
    fuzz_check(p.memory.alive == 0);
    phone_open(&p);
    rove_state after = phone_state(&p);
    fuzz_check(after.pending == before.pending && after.records == before.records);
    fuzz_check(after.seq == before.seq);
    phone_close(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rove_sync_report report;

    begin();
    answers = (fuzz_input){data, size};
    flags = fuzz_byte(&answers);
    p.write_chunk = (size_t)fuzz_byte(&answers) * 5;
    acknowledges = 0;
    exchanges = 0;
    uint64_t pending = phone_state(&p).pending;
    rove_status status = rove_sync(p.replica, NULL, &report, &p.error);
    fuzz_check(status != ROVE_CORRUPT && status != ROVE_INVALID && status != ROVE_NOMEM);
    is_whole(pending);
    phone_forget(p.folder);
    return 0;
}

/* ---- seeds ---- */

static void put_frame(fuzz_output *out, int type, const void *payload, size_t size) {
    fuzz_put_number(out, (uint64_t)type, 1);
    fuzz_put_number(out, size, 2);
    fuzz_put(out, payload, size);
}

/* Welcome, then a message, then END. */
static void give_after_welcome(const fuzz_seed *to, int type, const rove__buf *payload) {
    static fuzz_output out;

    out.size = 0;
    fuzz_put_number(&out, 0x0140, 2);
    fuzz_put_number(&out, 128, 1);
    put_frame(&out, type, payload->data, payload->size);
    fuzz_give(to, &out);
}

static void give_samples(const fuzz_seed *to, rove__buf *payload) {
    static const struct {
        const char *name;
        int type;
    } kinds[] = {{"welcome", ROVE_FRAME_WELCOME},
                 {"welcome_sealing", ROVE_FRAME_WELCOME},
                 {"ack", ROVE_FRAME_ACK},
                 {"need", ROVE_FRAME_NEED},
                 {"renumber", ROVE_FRAME_RENUMBER},
                 {"need_row", ROVE_FRAME_NEED_ROW},
                 {"page", ROVE_FRAME_PAGE},
                 {"differ", ROVE_FRAME_DIFFER},
                 {"fail", ROVE_FRAME_FAIL},
                 {"formers", ROVE_FRAME_NEED_FORMER},
                 {"end", ROVE_FRAME_END}};

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        any_message message;
        kind_of(kinds[i].name)->fill(&message);
        rove__buf_reset(payload);
        fuzz_check(kind_of(kinds[i].name)->write(&message, payload) == ROVE_OK);
        give_after_welcome(to, kinds[i].type, payload);
    }
}

/* Pages of random rows, and of what hits the device's own. */
static void give_pages(const fuzz_seed *to, rove__registry *registry, rove__buf *payload) {
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    uint64_t state = 13;
    rove__arena arena;

    rove__arena_init(&arena, &allocator, (size_t)64 << 20);
    for (size_t i = 0; i < 24; i++) {
        size_t at = (size_t)(dice(&state) % rove__registry_count(registry));
        rove__change change = random_change(&state, &arena, (rove__op)(ROVE_OP_WHOLE + i % 4),
                                            rove__registry_at(registry, at));
        const rove__portion begin_of = {{change.row.id, -1}, 0};
        const rove__scope scope = {rove__id_make(1, 1 + (uint32_t)i % 3), -1};
        rove__buf rows;
        rove__buf_init(&rows, &allocator, 60000);
        fuzz_check(batch_of(&allocator, &change, 1, &rows) == ROVE_OK);
        rove__page page = {.rows = {rows.data, rows.size},
                           .left = &scope,
                           .left_count = i % 3 == 0,
                           .begin = &begin_of,
                           .begin_count = i % 4 == 0,
                           .done = &begin_of.scope,
                           .done_count = i % 4 == 0,
                           .cursor = {PHONE_TIMELINE, PHONE_SEQ + 4 + i}};
        rove__buf_reset(payload);
        fuzz_check(rove__page_write(&page, payload) == ROVE_OK);
        give_after_welcome(to, ROVE_FRAME_PAGE, payload);
        rove__buf_free(&rows);
    }
    rove__arena_free(&arena);
}

void fuzz_seeds(const fuzz_seed *to) {
    static const uint8_t honest[] = {1, 1, 128, 192};
    static const uint8_t cut[] = {3, 1, 128, 192};
    static const uint8_t fork_only[] = {1, 3, 128, ROVE_FRAME_FORK, 0, 0};
    heap memory = {0};
    rove_allocator allocator = heap_allocator(&memory);
    rove__registry *registry = NULL;
    rove__buf payload;

    rove__buf_init(&payload, &allocator, 60000);
    fuzz_check(rove__registry_new(&allocator, &registry) == ROVE_OK);
    to->give(to, honest, sizeof honest);
    to->give(to, cut, sizeof cut);
    to->give(to, fork_only, sizeof fork_only);
    give_samples(to, &payload);
    give_pages(to, registry, &payload);
    rove__registry_free(registry);
    rove__buf_free(&payload);
}
