/*
 * sync/device.c - the device's end of one exchange; see device.h.
 *
 * Request:  HELLO FORMERS* FORMER* (PUSH | SEALED)* ROW* DIGEST* END, made frame by frame as the host asks for bytes.
 * Answer:   WELCOME first, END last; between them what frame_table lists. An answer that ends without END
 *           has applied whole pages only, and the cursor says how far it came.
 *
 * Invariants: no store transaction is open between two calls; an Ack is applied whole, and only together with the
 * page or the END that follows it, unless those held grow too large; after `failed` is set nothing of the answer is
 * looked at any more.
 */
#include "sync/device.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/text.h"
#include "sync/backoff.h"
#include "sync/exchange.h"
#include "wire/batch.h"
#include "wire/frame.h"
#include "wire/message.h"

/* Acks held past either are applied by themselves, once the last of them is whole. */
#define HELD_ACKS_MANY  64u
#define HELD_BYTES_MANY 1048576u
/* Past either they are refused: no batch has an Ack of so many frames or bytes. */
#define HELD_ACKS_MAX  (8u * ROVE_PUSH_FRAMES_MAX)
#define HELD_BYTES_MAX (3u * ROVE_BATCH_BYTES_MAX)
/*
 * Of what headquarters takes in one request, so much is sent before another batch is begun: what does not fit any more
 * would be sent in vain.
 */
#define PUSH_ENOUGH(most)  ((most) / 4 * 3)
#define PUSH_BATCHES_MAX   64u
#define MESSAGE_MEMORY_MAX ((size_t)ROVE_MESSAGE_ARENA_MAX + HELD_BYTES_MAX)
#define DIGEST_MEMORY_MAX  ((size_t)32 * 1048576)
#define DIGESTS_PER_FRAME  8192u
#define POLL_DEFAULT_MS    900000

typedef enum phase {
    PHASE_HELLO,
    PHASE_FORMERS,
    PHASE_FORMER,
    PHASE_PUSH,
    PHASE_ROWS,
    PHASE_DIGESTS,
    PHASE_END,
    PHASE_SENT
} phase;

struct rove__device {
    rove__store_ports ports;
    rove__store *store;
    rove__device_options options;
    rove__device_stats stats;

    phase phase;
    rove__frame_writer *writer;
    rove__buf out;     /* compressed, not yet asked for */
    rove__buf payload; /* of the frame being made */
    rove__arena arena; /* of the message being made or read */
    uint64_t push_number;
    uint32_t push_ordinal;
    int pushed_any;
    size_t pushed_bytes, pushed_changes, pushed_weight; /* in this request */
    int64_t told;                                       /* of batches of former numbers, up to it */
    rove__former_position former;
    size_t row_frames;
    rove__digest_list digests; /* in digest_arena, while PHASE_DIGESTS lasts */
    int digests_counted;
    rove__arena digest_arena;
    size_t digests_sent;

    rove__frame_reader *reader;
    rove__buf held; /* payloads of Acks: size:u32 bytes, one after the other */
    size_t held_count;
    uint64_t held_number;    /* of the last one held */
    int held_open;           /* the last one held has more frames to come */
    rove__store_tally tally; /* of the store, before this exchange */
    int welcomed;
    int ended;
    int again;
    int stopped; /* headquarters asks for something before it goes on */
    int mended;  /* what differed is being sent: worth comparing once more */
    int digests_next;
    int verified;
    rove_status failed; /* what the exchange came to, if not ROVE_OK */
    rove_error failure;
};

/* ---- request ------------------------------------------------------------------------------------------ */

static rove_status write_payload(rove__device *device, rove__frame_type type) {
    rove_status status = rove__buf_status(&device->payload);
    if (status != ROVE_OK) {
        return status;
    }
    return rove__frame_write(device->writer, type, device->payload.data, device->payload.size,
                             &device->out);
}

static rove_status make_hello(rove__device *device, rove_error *error) {
    rove__hello hello = {0};
    rove_clock_reading reading;
    rove_status status = rove__store_hello(device->store, &device->arena, &hello, error);
    if (status != ROVE_OK) {
        return status;
    }
    device->ports.clock->read(device->ports.clock->ctx, &reading);
    hello.protocol = ROVE_PROTOCOL_VERSION;
    hello.schema = ROVE_SCHEMA_VERSION;
    hello.app = device->options.app != NULL ? device->options.app : "";
    hello.wall_ms = reading.wall_ms;
    hello.bytes_max = device->options.bytes_max;
    status = rove__hello_write(&hello, &device->payload);
    if (status == ROVE_OK) {
        status = write_payload(device, ROVE_FRAME_HELLO);
    }
    device->phase = hello.formers > 0 ? PHASE_FORMERS : PHASE_PUSH;
    return status;
}

/* Which batches of former numbers are kept, if headquarters is to be told. */
static rove_status make_formers(rove__device *device, rove_error *error) {
    rove__formers list;
    rove_status status =
        rove__store_formers(device->store, &device->told, &device->arena, &list, error);

    if (status == ROVE_OK && list.count == 0) {
        device->phase = PHASE_FORMER;
        return ROVE_OK;
    }
    if (status == ROVE_OK) {
        status = rove__formers_write(&list, &device->payload);
    }
    return status == ROVE_OK ? write_payload(device, ROVE_FRAME_FORMERS) : status;
}

static rove_status make_former(rove__device *device, rove_error *error) {
    rove__bytes record;
    rove_status status =
        rove__store_former_next(device->store, &device->former, &device->arena, &record, error);

    if (status != ROVE_OK) {
        return status;
    }
    if (record.size == 0) {
        device->phase = PHASE_PUSH;
        return ROVE_OK;
    }
    return rove__frame_write(device->writer, ROVE_FRAME_FORMER, record.data, record.size,
                             &device->out);
}

/* What a frame that this replica made itself carries. */
static rove_status count_changes(rove__device *device, rove__bytes rows) {
    rove__batch_reader *reader = NULL;
    rove__change change;
    rove_status status =
        rove__batch_reader_new(device->ports.allocator, rove__store_registry(device->store),
                               rows.data, rows.size, &reader);

    while (status == ROVE_OK) {
        status = rove__batch_next(reader, &change);
        if (status == ROVE_OK) {
            device->stats.rows_pushed++;
            device->pushed_changes++;
            device->pushed_weight += rove__change_weight(&change);
        }
    }
    rove__batch_reader_free(reader);
    return status == ROVE_DONE ? ROVE_OK : status;
}

/* 1 if a further batch had better wait for another request. */
static int pushed_enough(const rove__device *device) {
    return device->stats.batches == PUSH_BATCHES_MAX ||
           device->pushed_bytes > PUSH_ENOUGH(ROVE_BATCH_BYTES_MAX) ||
           device->pushed_changes > PUSH_ENOUGH(ROVE_PUSH_CHANGES_MAX) ||
           device->pushed_weight > PUSH_ENOUGH(ROVE_PUSH_WEIGHT_MAX);
}

static rove_status make_push(rove__device *device, rove_error *error) {
    rove__push push = {0};
    int sealed = 0;
    rove_status status =
        rove__store_push_next(device->store, !device->pushed_any, device->push_number,
                              device->push_ordinal, &device->arena, &push, &sealed, error);
    int begins = !device->pushed_any || push.number != device->push_number;
    if (status == ROVE_OK && begins && pushed_enough(device)) {
        device->again = 1;
        status = ROVE_DONE;
    }
    if (status == ROVE_DONE) {
        device->phase = PHASE_ROWS;
        return ROVE_OK;
    }
    if (status != ROVE_OK) {
        return status;
    }
    device->stats.batches += (uint64_t)begins;
    device->pushed_any = 1;
    device->push_number = push.number;
    device->push_ordinal = push.ordinal;
    device->pushed_bytes += push.rows.size;
    if (sealed) {
        return rove__frame_write(device->writer, ROVE_FRAME_SEALED, push.rows.data, push.rows.size,
                                 &device->out);
    }
    status = count_changes(device, push.rows);
    if (status == ROVE_OK) {
        status = rove__push_write(&push, &device->payload);
    }
    return status == ROVE_OK ? write_payload(device, ROVE_FRAME_PUSH) : status;
}

static rove_status make_rows(rove__device *device, rove_error *error) {
    rove__bytes rows = {0};
    rove_status status = ROVE_OK;

    if (device->row_frames < ROVE_ROW_FRAMES_MAX) {
        status = rove__store_needed_rows(device->store, &device->arena, &rows, error);
    }
    if (status == ROVE_OK && rows.size == 0) {
        device->phase = device->options.send_digests ? PHASE_DIGESTS : PHASE_END;
    }
    if (status != ROVE_OK || rows.size == 0) {
        return status;
    }
    device->row_frames++;
    return rove__frame_write(device->writer, ROVE_FRAME_ROW, rows.data, rows.size, &device->out);
}

/* The first frame has the buckets and what was fetched of late, if there are any; then come the scopes. */
static rove_status make_digests(rove__device *device, rove_error *error) {
    rove__digest_list *all = &device->digests;
    rove__digest_list part = {.last = 0};
    rove_status status = ROVE_OK;

    if (!device->digests_counted) {
        status = rove__store_digests(device->store, &device->digest_arena, all, error);
        if (status != ROVE_OK) {
            return status;
        }
        device->digests_counted = 1;
    }
    if (all->bucket_count + all->fetched_count > 0) {
        part.buckets = all->buckets;
        part.bucket_count = all->bucket_count;
        part.fetched = all->fetched;
        part.fetched_count = all->fetched_count;
        all->bucket_count = all->fetched_count = 0;
    } else {
        size_t left = all->count - device->digests_sent;
        part.items = left > 0 ? all->items + device->digests_sent : NULL;
        part.count = left < DIGESTS_PER_FRAME ? left : DIGESTS_PER_FRAME;
        device->digests_sent += part.count;
        part.last = device->digests_sent == all->count;
    }
    if (part.last) {
        device->phase = PHASE_END;
    }
    status = rove__digest_list_write(&part, &device->payload);
    return status == ROVE_OK ? write_payload(device, ROVE_FRAME_DIGEST) : status;
}

static rove_status make_end(rove__device *device, rove_error *error) {
    (void)error;
    rove__end end = {0};
    rove_status status = rove__end_write(&end, &device->payload);
    if (status == ROVE_OK) {
        status = write_payload(device, ROVE_FRAME_END);
    }
    if (status == ROVE_OK) {
        status = rove__frame_write_end(device->writer, &device->out);
    }
    /* The answer needs its own memory. */
    rove__frame_writer_free(device->writer);
    device->writer = NULL;
    device->phase = PHASE_SENT;
    return status;
}

static rove_status make_more(rove__device *device, rove_error *error) {
    static rove_status (*const makers[])(rove__device *, rove_error *) = {
        [PHASE_HELLO] = make_hello, [PHASE_FORMERS] = make_formers, [PHASE_FORMER] = make_former,
        [PHASE_PUSH] = make_push,   [PHASE_ROWS] = make_rows,       [PHASE_DIGESTS] = make_digests,
        [PHASE_END] = make_end};
    ROVE_ASSERT(device->phase != PHASE_SENT);
    rove__buf_reset(&device->payload);
    rove__arena_reset(&device->arena);
    return makers[device->phase](device, error);
}

rove_status rove__device_request(rove__device *device, void *bytes, size_t capacity, size_t *size,
                                 rove_error *error) {
    uint8_t *to = bytes;
    *size = 0;
    while (*size < capacity) {
        if (device->out.size == 0) {
            if (device->phase == PHASE_SENT) {
                break;
            }
            rove__buf_reset(&device->out);
            rove_status status = make_more(device, error);
            if (status != ROVE_OK) {
                return status;
            }
            continue;
        }
        size_t room = capacity - *size;
        size_t some = device->out.size < room ? device->out.size : room;
        for (size_t i = 0; i < some; i++) {
            to[*size + i] = device->out.data[i];
        }
        rove__buf_consume(&device->out, some);
        *size += some;
    }
    device->stats.bytes_out += *size;
    return ROVE_OK;
}

/* ---- answer ------------------------------------------------------------------------------------------- */

static rove_status fail(rove__device *device, rove_status status, const char *sentence) {
    device->failed = status;
    return rove__error_set(&device->failure, status, "%s", sentence);
}

static void count_verdicts(rove__device *device, const rove__ack *ack) {
    for (size_t i = 0; i < ack->verdict_count; i++) {
        switch (ack->verdicts[i].code) {
        case ROVE_VERDICT_REJECTED:
            device->stats.rejected++;
            break;
        case ROVE_VERDICT_REVIEW:
            device->stats.reviewed++;
            break;
        case ROVE_VERDICT_LOST:
            device->stats.lost++;
            break;
        case ROVE_VERDICT_PARKED:
        case ROVE_VERDICT_KNOWN:
            break;
        }
    }
}

/* Reads the held Acks into the arena. */
static rove_status read_held(rove__device *device, rove__ack **acks) {
    rove__reader reader;
    *acks = NULL;
    if (device->held_count == 0) {
        return ROVE_OK;
    }
    *acks = rove__arena_take(&device->arena, device->held_count * sizeof **acks);
    if (*acks == NULL) {
        return ROVE_NOMEM;
    }
    rove__reader_init(&reader, device->held.data, device->held.size);
    for (size_t i = 0; i < device->held_count; i++) {
        uint32_t size = rove__reader_u32(&reader);
        const uint8_t *payload = rove__reader_take(&reader, size);
        rove_status status = rove__reader_status(&reader);
        if (status == ROVE_OK) {
            status = rove__ack_read(&(*acks)[i], payload, size, &device->arena);
        }
        if (status != ROVE_OK) {
            return status;
        }
        count_verdicts(device, &(*acks)[i]);
    }
    return ROVE_OK;
}

/* Applies the held Acks and, with them, a page (NULL: none) in one transaction. */
static rove_status apply(rove__device *device, const rove__page *page) {
    rove__ack *acks = NULL;
    if (device->held_count == 0 && page == NULL) {
        return ROVE_OK;
    }
    rove_status status = read_held(device, &acks);
    if (status == ROVE_OK) {
        status = rove__store_apply(device->store, acks, device->held_count, page, &device->failure);
    }
    rove__buf_reset(&device->held);
    device->held_count = 0;
    if (status == ROVE_OK) {
        rove__store_tally tally;
        rove__store_read_tally(device->store, &tally);
        device->stats.rows_applied = tally.applied - device->tally.applied;
        device->stats.rows_removed = tally.removed - device->tally.removed;
    }
    return status;
}

static rove_status take_welcome(rove__device *device, const rove__frame *frame) {
    rove__welcome welcome;
    rove_status status = rove__welcome_read(&welcome, frame->payload, frame->size, &device->arena);
    if (status == ROVE_OK) {
        status = rove__store_welcome(device->store, &welcome, &device->failure);
    }
    device->welcomed = status == ROVE_OK;
    return status;
}

static rove_status take_fail(rove__device *device, const rove__frame *frame) {
    rove__fail message;
    rove_status status = rove__fail_read(&message, frame->payload, frame->size, &device->arena);
    if (status != ROVE_OK) {
        return status;
    }
    /* What only this device can know of itself is not believed. */
    rove_status_class kind = rove_status_classify(message.status);
    if (kind == ROVE_CLASS_DEVICE || kind == ROVE_CLASS_FINE) {
        message.status = ROVE_SERVER;
    }
    /* What was acknowledged before it holds. */
    status = device->held_open ? ROVE_OK : apply(device, NULL);
    return status == ROVE_OK ? fail(device, message.status, message.reason) : status;
}

static rove_status take_need(rove__device *device, const rove__frame *frame) {
    rove__need need;
    rove_status status = rove__need_read(&need, frame->payload, frame->size, &device->arena);
    if (status == ROVE_OK) {
        status = rove__store_need(device->store, need.number, &device->failure);
    }
    if (status == ROVE_NOT_FOUND) {
        /* Headquarters confirmed and lost them, or they are another device's: only a fresh start helps. */
        return fail(device, ROVE_FORK, rove_status_text(ROVE_FORK));
    }
    device->again = 1;
    device->stopped = 1;
    return status;
}

static rove_status take_need_former(rove__device *device, const rove__frame *frame) {
    rove__formers list;
    rove_status status = rove__formers_read(&list, frame->payload, frame->size, &device->arena);

    if (status == ROVE_OK) {
        status = rove__store_need_former(device->store, &list, &device->failure);
    }
    device->again = 1;
    device->stopped = 1;
    return status;
}

static rove_status take_former_ack(rove__device *device, const rove__frame *frame) {
    rove__formers list;
    rove_status status = rove__formers_read(&list, frame->payload, frame->size, &device->arena);

    return status == ROVE_OK ? rove__store_former_ack(device->store, &list, &device->failure)
                             : status;
}

static rove_status take_fork(rove__device *device, const rove__frame *frame) {
    (void)frame;
    return fail(device, ROVE_FORK, rove_status_text(ROVE_FORK));
}

/* What was acknowledged before it is no work in flight any more, which is frozen again. */
static rove_status take_renumber(rove__device *device, const rove__frame *frame) {
    rove__renumber renumber;
    rove_status status = apply(device, NULL);
    if (status == ROVE_OK) {
        status = rove__renumber_read(&renumber, frame->payload, frame->size, &device->arena);
    }
    if (status == ROVE_OK) {
        status = rove__store_renumber(device->store, &renumber, &device->failure);
    }
    device->again = 1;
    return status;
}

static rove_status take_ack(rove__device *device, const rove__frame *frame) {
    rove__ack ack;
    rove_status status = rove__ack_read(&ack, frame->payload, frame->size, &device->arena);

    if (status != ROVE_OK) {
        return status;
    }
    if (device->held_open && ack.number != device->held_number) {
        return fail(device, ROVE_PROTOCOL, "Headquarters left an acknowledgement unfinished.");
    }
    if (device->held_count == HELD_ACKS_MAX ||
        device->held.size + frame->size + 4 > HELD_BYTES_MAX) {
        return fail(device, ROVE_PROTOCOL, "Headquarters' acknowledgement is too long.");
    }
    device->held_number = ack.number;
    device->held_open = !ack.last;
    rove__buf_u32(&device->held, (uint32_t)frame->size);
    rove__buf_append(&device->held, frame->payload, frame->size);
    device->held_count++;
    status = rove__buf_status(&device->held);
    if (status == ROVE_OK && !device->held_open &&
        (device->held_count >= HELD_ACKS_MANY || device->held.size >= HELD_BYTES_MANY)) {
        rove__arena_reset(&device->arena);
        status = apply(device, NULL);
    }
    return status;
}

static rove_status take_need_row(rove__device *device, const rove__frame *frame) {
    rove__need_row need;
    rove_status status = rove__need_row_read(&need, frame->payload, frame->size, &device->arena);
    if (status == ROVE_OK) {
        status = rove__store_need_row(device->store, &need, &device->failure);
    }
    return status;
}

static rove_status take_page(rove__device *device, const rove__frame *frame) {
    rove__page page;
    rove_status status = rove__page_read(&page, frame->payload, frame->size, &device->arena);
    if (status == ROVE_OK && page.row_count > 0) {
        device->stats.server_rows = page.row_count;
    }
    if (status == ROVE_OK) {
        status = apply(device, &page);
    }
    if (status == ROVE_OK) {
        device->stats.pages++;
        device->stats.scopes_entered += page.done_count;
        device->stats.scopes_left += page.left_count;
    }
    return status;
}

static rove_status take_differ(rove__device *device, const rove__frame *frame) {
    rove__differ differ;
    rove_status status = rove__differ_read(&differ, frame->payload, frame->size, &device->arena);
    if (status == ROVE_OK) {
        status = rove__store_differ(device->store, &differ, &device->failure);
    }
    if (status == ROVE_OK) {
        device->mended = differ.count > 0;
        rove__log(
            device->ports.log, ROVE_LOG_WARN, "sync",
            "%zu scopes differ from headquarters and are fetched again; %zu were of late, and "
            "are not",
            differ.count, differ.again_count);
    }
    return status;
}

/* Orders (lease, lock, wipe) are for the shell, which has its own way to them; this build keeps none. */
static rove_status take_order(rove__device *device, const rove__frame *frame) {
    rove__log(device->ports.log, ROVE_LOG_WARN, "sync",
              "an order of %zu bytes needs a newer version of the app", frame->size);
    return ROVE_OK;
}

static void seal_journal(const rove__device *device) {
    if (device->options.sealer != NULL) {
        rove__store_journal(device->store, device->options.sealer);
    }
}

static rove_status take_end(rove__device *device, const rove__frame *frame) {
    rove__end end;
    rove__comparison result = ROVE_NOT_COMPARED;
    rove_status status = rove__end_read(&end, frame->payload, frame->size, &device->arena);
    if (status == ROVE_OK) {
        status = apply(device, NULL);
    }
    if (status == ROVE_OK) {
        status = rove__store_end(device->store, &end, &result, &device->failure);
    }
    if (status == ROVE_OK && !end.more && !device->stopped) {
        status = rove__store_settled(device->store, &device->failure);
    }
    if (status != ROVE_OK) {
        return status;
    }
    seal_journal(device);
    device->ended = 1;
    device->again |= end.more;
    device->stats.server_rows = end.row_count;
    device->verified = result == ROVE_EQUAL;
    /* Digests that were sent, and of which nothing came, would say the same once more. */
    if (end.digests ||
        (result == ROVE_DIFFERENT && (device->mended || !device->options.send_digests))) {
        device->digests_next = 1;
        device->again = 1;
    }
    return ROVE_OK;
}

static const struct {
    rove__frame_type type;
    rove_status (*take)(rove__device *, const rove__frame *);
} frame_table[] = {
    {ROVE_FRAME_WELCOME, take_welcome},
    {ROVE_FRAME_FAIL, take_fail},
    {ROVE_FRAME_NEED, take_need},
    {ROVE_FRAME_FORK, take_fork},
    {ROVE_FRAME_NEED_FORMER, take_need_former},
    {ROVE_FRAME_FORMER_ACK, take_former_ack},
    {ROVE_FRAME_RENUMBER, take_renumber},
    {ROVE_FRAME_ACK, take_ack},
    {ROVE_FRAME_NEED_ROW, take_need_row},
    {ROVE_FRAME_PAGE, take_page},
    {ROVE_FRAME_DIFFER, take_differ},
    {ROVE_FRAME_ORDER, take_order},
    {ROVE_FRAME_END, take_end},
};

static rove_status take_frame(rove__device *device, const rove__frame *frame) {
    if (!device->welcomed && frame->type != ROVE_FRAME_WELCOME && frame->type != ROVE_FRAME_FAIL) {
        return fail(device, ROVE_PROTOCOL, "Headquarters' answer does not begin with a welcome.");
    }
    if (device->ended || (device->welcomed && frame->type == ROVE_FRAME_WELCOME)) {
        return fail(device, ROVE_PROTOCOL, "Headquarters' answer goes on after its end.");
    }
    rove__arena_reset(&device->arena);
    for (size_t i = 0; i < sizeof frame_table / sizeof frame_table[0]; i++) {
        if (frame_table[i].type == frame->type) {
            return frame_table[i].take(device, frame);
        }
    }
    return fail(device, ROVE_PROTOCOL, "Headquarters' answer has a frame that devices send.");
}

rove_status rove__device_answer(rove__device *device, const void *bytes, size_t size,
                                rove_error *error) {
    rove__frame frame;
    rove_status status = device->failed;
    if (status == ROVE_OK) {
        device->stats.bytes_in += size;
        status = rove__frame_reader_feed(device->reader, bytes, size);
    }
    while (status == ROVE_OK) {
        status = rove__frame_reader_next(device->reader, &frame);
        if (status == ROVE_OK) {
            status = take_frame(device, &frame);
        }
    }
    if (status == ROVE_DONE) {
        return ROVE_OK;
    }
    /* Whatever is wrong with what came, it is no fault of the caller's. */
    if (rove_status_classify(status) == ROVE_CLASS_CALLER) {
        status = ROVE_PROTOCOL;
    }
    device->failed = status;
    if (device->failure.message[0] == '\0') {
        (void)fail(device, status, rove_status_text(status));
    }
    if (error != NULL) {
        *error = device->failure;
    }
    return status;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

rove_status rove__device_new(const rove__store_ports *ports, rove__store *store,
                             const rove__device_options *options, rove__device **out,
                             rove_error *error) {
    *out = NULL;
    rove__device *device = rove__alloc_zeroed(ports->allocator, 1, sizeof *device);
    if (device == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    device->ports = *ports;
    device->store = store;
    device->options = *options;
    rove__buf_init(&device->out, ports->allocator, ROVE_FRAME_MAX);
    rove__buf_init(&device->payload, ports->allocator, ROVE_FRAME_MAX);
    rove__buf_init(&device->held, ports->allocator, HELD_BYTES_MAX);
    rove__arena_init(&device->arena, ports->allocator, MESSAGE_MEMORY_MAX);
    rove__arena_init(&device->digest_arena, ports->allocator, DIGEST_MEMORY_MAX);
    device->told = INT64_MIN;
    device->former = (rove__former_position){INT64_MIN, -1};
    rove__store_read_tally(store, &device->tally);
    rove_status status =
        rove__frame_writer_new(ports->allocator, ROVE_FRAME_REQUEST_WINDOW_LOG, &device->writer);
    if (status == ROVE_OK) {
        status = rove__frame_reader_new(ports->allocator, &device->reader);
    }
    if (status == ROVE_OK) {
        seal_journal(device);
        status = rove__store_freeze(store, error);
    } else {
        status = rove__error_set(error, status, "%s", rove_status_text(status));
    }
    if (status != ROVE_OK) {
        rove__device_free(device);
        return status;
    }
    *out = device;
    return ROVE_OK;
}

void rove__device_free(rove__device *device) {
    if (device == NULL) {
        return;
    }
    const rove_allocator *allocator = device->ports.allocator;
    rove__frame_writer_free(device->writer);
    rove__frame_reader_free(device->reader);
    rove__buf_free(&device->out);
    rove__buf_free(&device->payload);
    rove__buf_free(&device->held);
    rove__arena_free(&device->arena);
    rove__arena_free(&device->digest_arena);
    rove__free(allocator, device);
}

/* When to come again by itself; 0: whenever. A failure to draw random bytes only costs the jitter. */
static int64_t next_ms(const rove__device *device, rove_status status) {
    rove__store_advice advice = {0};
    int64_t delay = 0;
    int64_t now = rove__store_now_ms(device->store, NULL);
    rove_status drawn;
    if (status != ROVE_OK && rove_status_classify(status) == ROVE_CLASS_FINE) {
        return 0; /* it was ended early: there is nothing to wait for */
    }
    if (status == ROVE_OK) {
        int64_t poll = POLL_DEFAULT_MS;
        if (rove__store_read_advice(device->store, &advice, NULL) == ROVE_OK &&
            advice.poll_ms > 0) {
            poll = advice.poll_ms;
        }
        drawn = rove__backoff_poll(poll, device->ports.random, &delay);
    } else {
        drawn = rove__backoff_delay(device->options.failures + 1, device->ports.random, &delay);
    }
    return now + (drawn == ROVE_OK ? delay : ROVE_BACKOFF_CAP_MS);
}

rove_status rove__device_finish(rove__device *device, rove_status transport,
                                rove__device_outcome *outcome, rove_error *error) {
    rove_status status = device->failed != ROVE_OK ? device->failed : transport;
    if (status == ROVE_OK && !device->ended) {
        status = fail(device, ROVE_TRUNCATED, rove_status_text(ROVE_TRUNCATED));
    }
    if (status != ROVE_OK && device->failed != ROVE_OK && error != NULL) {
        *error = device->failure;
    }
    *outcome = (rove__device_outcome){.again = status == ROVE_OK && device->again,
                                      .send_digests = status == ROVE_OK && device->digests_next,
                                      .verified = status == ROVE_OK && device->verified,
                                      .next_ms = next_ms(device, status),
                                      .stats = device->stats};
    return status;
}

const rove__device_stats *rove__device_progress(const rove__device *device) {
    return &device->stats;
}
