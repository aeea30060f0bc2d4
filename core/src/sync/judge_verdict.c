/*
 * sync/judge_verdict.c - what a device is told of its batch: verdicts, stamps, and the rows to be sent with them. Nothing is
 * said of a change that was simply accepted as it came.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "sync/judge_state.h"
#include "wire/frame.h"

/* Verdicts, and stamps, in one Ack frame; most bytes of one of each. */
#define ITEMS_PER_FRAME  2048u
#define ITEM_BYTES_MAX   (ROVE_TEXT_MAX + 128u)
#define ANSWER_BYTES_MAX ((size_t)64 * 1024 * 1024)

ROVE_STATIC_ASSERT(ITEMS_PER_FRAME *ITEM_BYTES_MAX < ROVE_FRAME_MAX - 65536u,
                   "an Ack fits its frame");

void rove__answer_init(rove__answer *answer, const rove_allocator *allocator) {
    *answer = (rove__answer){.allocator = allocator};
    rove__buf_init(&answer->frames, allocator, ANSWER_BYTES_MAX);
}

void rove__answer_free(rove__answer *answer) {
    rove__buf_free(&answer->frames);
    rove__free(answer->allocator, answer->rows);
    rove__free(answer->allocator, answer->renames);
    rove__answer_init(answer, answer->allocator);
}

rove_status rove__answer_row(rove__answer *answer, uint32_t entity, rove_id id) {
    rove__row_name *rows = rove__grow(answer->allocator, answer->rows, answer->row_count,
                                      &answer->row_capacity, sizeof *rows);

    if (rows == NULL) {
        return ROVE_NOMEM;
    }
    answer->rows = rows;
    answer->rows[answer->row_count++] = (rove__row_name){entity, id};
    return ROVE_OK;
}

rove_status rove__answer_rename(rove__answer *answer, const rove__rename *rename) {
    rove__rename *renames = rove__grow(answer->allocator, answer->renames, answer->rename_count,
                                       &answer->rename_capacity, sizeof *renames);

    if (renames == NULL) {
        return ROVE_NOMEM;
    }
    answer->renames = renames;
    answer->renames[answer->rename_count++] = *rename;
    return ROVE_OK;
}

rove_status rove__judge_verdict(rove__case *c, const rove__act *act, uint32_t field,
                                rove__verdict_code code, rove_status status, const char *reason) {
    rove__judge *judge = c->judge;
    char text[ROVE_TEXT_MAX + 1];

    if (act->parked) {
        return ROVE_OK;
    }
    rove__verdict *verdicts =
        rove__grow(judge->ports->allocator, judge->verdicts, judge->verdict_count,
                   &judge->verdict_capacity, sizeof *verdicts);
    if (verdicts == NULL) {
        return ROVE_NOMEM;
    }
    judge->verdicts = verdicts;
    rove__text_format(text, sizeof text, "%s", reason);
    const char *copy =
        reason[0] == '\0' ? "" : rove__arena_copy(&judge->answers, text, strlen(text) + 1);
    if (copy == NULL) {
        return ROVE_NOMEM;
    }
    judge->verdicts[judge->verdict_count++] = (rove__verdict){.entity = c->entity,
                                                              .id = c->id,
                                                              .field = field,
                                                              .code = code,
                                                              .status = status,
                                                              .reason = copy};
    c->differs |= code != ROVE_VERDICT_PARKED;
    return ROVE_OK;
}

rove_status rove__judge_review(rove__case *c, const rove__act *act, const char *reason) {
    rove__judge *judge = c->judge;
    rove__hq_review review = {.seq = rove__writer_seq(judge->writer),
                              .entity = c->entity,
                              .id = c->id,
                              .replica = act->replica,
                              .user = act->user,
                              .reason = reason,
                              .change = act->packed};
    if (act->decided) {
        return rove__error_set(judge->error, ROVE_STATE, "%s", reason);
    }
    int heard = 0;
    rove_status status = act->again ? rove__judge_heard(judge, act, &heard) : ROVE_OK;

    if (status == ROVE_OK && !heard) {
        status = judge->store->review_put(judge->tx, &review);
        rove__writer_touch(judge->writer);
        judge->stats->reviews++;
    }
    if (status == ROVE_OK && !heard) {
        status = rove__judge_tell(judge, act, &review);
    }
    if (status == ROVE_OK) {
        status = rove__judge_verdict(c, act, 0, ROVE_VERDICT_REVIEW, ROVE_OK, "");
    }
    return status;
}

int rove__judge_listens(const rove__case *c, const rove__act *act) {
    return !act->parked && !c->judge->staged->sealed; /* what was parked comes without a batch */
}

rove_status rove__judge_refuse(rove__case *c, const rove__act *act, rove_status status,
                               const char *reason) {
    ROVE_ASSERT(status != ROVE_OK);
    if (act->decided) {
        return rove__error_set(c->judge->error, status, "%s", reason);
    }
    if (!rove__judge_listens(c, act)) {
        return rove__judge_review(c, act, reason);
    }
    c->judge->stats->rejected++;
    return rove__judge_verdict(c, act, 0, ROVE_VERDICT_REJECTED, status, reason);
}

rove_status rove__judge_stamped(rove__case *c, const rove__act *act, uint32_t field, rove_stamp raw,
                                rove_stamp stamp) {
    rove__judge *judge = c->judge;

    if (act->parked || raw == stamp) {
        return ROVE_OK;
    }
    rove__canonical *canonicals =
        rove__grow(judge->ports->allocator, judge->canonicals, judge->canonical_count,
                   &judge->canonical_capacity, sizeof *canonicals);
    if (canonicals == NULL) {
        return ROVE_NOMEM;
    }
    judge->canonicals = canonicals;
    judge->canonicals[judge->canonical_count++] = (rove__canonical){
        .id = c->id, .entity = c->entity, .field = field, .raw = raw, .stamp = stamp};
    return ROVE_OK;
}

/* ---- the Ack -------------------------------------------------------------------------------------------- */

static size_t part(size_t count, size_t done) {
    size_t left = count - done;

    return left < ITEMS_PER_FRAME ? left : ITEMS_PER_FRAME;
}

rove_status rove__judge_ack(rove__judge *judge, const rove__chain *chain, uint64_t seq) {
    rove__buf payload;
    rove__ack ack = {.number = judge->staged->number, .chain = *chain, .seq = seq};
    size_t verdicts = 0;
    size_t canonicals = 0;
    rove_status status = ROVE_OK;

    rove__buf_init(&payload, judge->ports->allocator, ROVE_BATCH_BYTES_MAX);
    do {
        ack.rename_count = verdicts + canonicals == 0 && !ROVE_PLANTED(P04_UNTOLD)
                               ? judge->answer->rename_count
                               : 0;
        ack.renames = ack.rename_count > 0 ? judge->answer->renames : NULL;
        ack.verdicts = judge->verdict_count == 0 ? NULL : judge->verdicts + verdicts;
        ack.verdict_count = part(judge->verdict_count, verdicts);
        ack.canonicals = judge->canonical_count == 0 ? NULL : judge->canonicals + canonicals;
        ack.canonical_count = part(judge->canonical_count, canonicals);
        verdicts += ack.verdict_count;
        canonicals += ack.canonical_count;
        rove__buf_reset(&payload);
        status = rove__ack_write(&ack, &payload);
        if (status == ROVE_OK) {
            rove__buf_u32(&judge->answer->frames, (uint32_t)payload.size);
            rove__buf_append(&judge->answer->frames, payload.data, payload.size);
            status = rove__buf_status(&judge->answer->frames);
        }
    } while (status == ROVE_OK &&
             (verdicts < judge->verdict_count || canonicals < judge->canonical_count));
    rove__buf_free(&payload);
    return status;
}

rove_status rove__judge_next_ack(rove__reader *frames, rove__arena *arena, rove__ack *ack) {
    size_t size = rove__reader_u32(frames);
    const uint8_t *payload = rove__reader_take(frames, size);

    return rove__reader_status(frames) == ROVE_OK ? rove__ack_read(ack, payload, size, arena)
                                                  : ROVE_CORRUPT;
}
