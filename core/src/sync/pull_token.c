/*
 * sync/pull_token.c - where a round stands, as the device carries it (Q7).
 *
 *   token = version:byte phase:byte timeline:varint c:varint h:varint seen-h:varint
 *           [ root:varint part:varint until_root:varint until_part:varint entity:varint id:varint ]
 *                                                                 visits, scan; a part is 1 more than it is
 *           [ seq:varint ordinal:varint ]                         feed
 *           [ root:varint part:varint buckets:varint entity:varint id:varint ]
 *                                                                 repair: the unit that was begun
 *   phase = (rove__pull_phase, or 3: repair) << 2 | complete << 1 | started
 *   seen  = the head of the last page's snapshot: rows as they were then are on the device. A copy of headquarters that is not so
 *           far yet cannot go on with it
 *
 * A device that makes one up only loses what the token skips. One that does not fit is as good as none.
 */
#include "base/assert.h"
#include "sync/pull_state.h"

#define TOKEN_VERSION 4u
/* In the place of a phase: a scan of one unit whose digest differed. */
#define REPAIR 3u

static void write_scope(rove__buf *out, rove__scope scope) {
    rove__buf_varint(out, (uint64_t)scope.root);
    rove__buf_varint(out, (uint64_t)scope.part + 1);
}

static rove__scope read_scope(rove__reader *reader) {
    rove__scope scope;

    scope.root = (rove_id)rove__reader_varint_max(reader, INT64_MAX);
    scope.part = (int32_t)rove__reader_varint_max(reader, ROVE_PART_LAST + 1) - 1;
    return scope;
}

void rove__token_write(const rove__pull *pull, rove__buf *out) {
    const rove__pull_position *at = &pull->at;
    unsigned phase = pull->repairing ? REPAIR : (unsigned)at->phase;

    ROVE_ASSERT(at->phase != ROVE_PULL_ROUND_DONE);
    ROVE_ASSERT(!pull->repairing || at->started);
    rove__buf_byte(out, TOKEN_VERSION);
    rove__buf_byte(out,
                   (uint8_t)(phase << 2 | (unsigned)pull->complete << 1 | (unsigned)at->started));
    rove__buf_varint(out, pull->head.timeline);
    rove__buf_varint(out, pull->c);
    rove__buf_varint(out, pull->h);
    rove__buf_varint(out, pull->head.seq - pull->h);
    if (at->phase == ROVE_PULL_FEED) {
        rove__buf_varint(out, at->seq);
        rove__buf_varint(out, at->ordinal);
        return;
    }
    write_scope(out, at->scope);
    if (pull->repairing) {
        rove__buf_varint(out, pull->units.items[pull->unit].buckets);
    } else {
        write_scope(out, at->until);
    }
    rove__buf_varint(out, at->entity);
    rove__buf_varint(out, (uint64_t)at->id);
}

/* Behind the horizon, and with digests, only a new comparison says what a scan or a feed would have to bring. */
static int is_usable(const rove__pull *pull, unsigned phase) {
    return phase == REPAIR ? pull->request.digests == NULL
                           : phase <= ROVE_PULL_FEED && !pull->behind;
}

static void read_position(rove__reader *reader, rove__pull_position *at, uint64_t h) {
    if (at->phase == ROVE_PULL_FEED) {
        at->seq = rove__reader_varint_max(reader, h);
        at->ordinal = (uint32_t)rove__reader_varint_max(reader, UINT32_MAX);
        return;
    }
    at->entity = (uint32_t)rove__reader_varint_max(reader, UINT32_MAX);
    at->id = (rove_id)rove__reader_varint_max(reader, INT64_MAX);
}

int rove__token_read(rove__pull *pull, rove__bytes token) {
    rove__reader reader;
    rove__pull_position at = {.phase = ROVE_PULL_FEED};
    rove__portion cut = {{0, 0}, 0};

    rove__reader_init(&reader, token.data, token.size);
    uint8_t version = rove__reader_byte(&reader);
    uint8_t flags = rove__reader_byte(&reader);
    unsigned phase = flags >> 2;
    uint64_t timeline = rove__reader_varint(&reader);
    uint64_t c = rove__reader_varint(&reader);
    uint64_t h = rove__reader_varint(&reader);
    uint64_t since = rove__reader_varint(&reader);
    if (version != TOKEN_VERSION || !is_usable(pull, phase) || timeline != pull->head.timeline ||
        c != pull->c || h < c) {
        return 0;
    }
    pull->ahead = h > pull->head.seq || since > pull->head.seq - h;
    if (pull->ahead) {
        return 0;
    }
    at.phase = phase == REPAIR ? ROVE_PULL_SCAN : (rove__pull_phase)phase;
    at.started = flags & 1;
    if (phase == REPAIR) {
        at.scope = at.until = cut.scope = read_scope(&reader);
        cut.buckets = rove__reader_varint(&reader);
    } else if (phase != ROVE_PULL_FEED) {
        at.scope = read_scope(&reader);
        at.until = read_scope(&reader);
    }
    read_position(&reader, &at, h);
    if (rove__reader_status(&reader) != ROVE_OK || rove__reader_left(&reader) != 0 ||
        (at.phase == ROVE_PULL_FEED && at.seq < c)) {
        return 0;
    }
    pull->h = h;
    pull->at = at;
    pull->complete = flags >> 1 & 1;
    pull->finishing = phase == REPAIR;
    pull->cut = cut;
    return 1;
}
