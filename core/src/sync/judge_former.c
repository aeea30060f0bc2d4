/*
 * sync/judge_former.c - a batch of a number that its device no longer has (P3, D11): it comes sealed, over the connection of
 * who uses the device now, and is judged as its author's.
 *
 *   known by its hash             ->  it has been taken already
 *   the same, but nobody may have heard that something in it was refused
 *                                 ->  that goes to review, also if no rule refuses it any more: whoever did hear of it has
 *                                     perhaps written it again; its answer says review then, and it is known
 *   follows its author's chain    ->  judged as if he had pushed it, and his chain goes on
 *   anything else                 ->  judged, and remembered by its hash: a stray
 *
 * It may come through the drop box as well, by nobody's connection, also from a number that its device still has. Then a stray
 * is not judged: what is new in it goes to review whole, if there is room for it.
 *
 * Nobody waits for verdicts. So what a rule refuses goes to review like what its author may not write, names are given
 * without asking, and what the records' histories hold already is dropped. "Own" (P5) holds only for a batch that follows a
 * chain which was never forked. Stamps of what does not go on with the chain have their own order (P7): it may be older than what
 * its author sent since.
 */
#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/siphash.h"
#include "sync/judge_state.h"
#include "wire/rename.h"

static const char by_another[] = "It was signed by another device.";
static const char unknown[] = "Headquarters does not know its device any more.";
static const char unheard[] = "It was refused, and its device may not have heard of it.";
static const char out_of_chain[] = "It does not follow what its device had sent.";

/* ---- whose is it ---------------------------------------------------------------------------------------- */

/*
 * A number of which headquarters lost all that it knew: the certificate says whose it was. If its device comes all the same, it
 * is taken back by that (T3); before that nobody is let in. What somebody else signed says nothing of it: there may be no such
 * device, and one that was forgotten has to find its number as it left it.
 */
static rove_status make_author(const rove__server_ports *ports, const rove__staged *staged,
                               rove__hq_device *author, const char **doubt) {
    const rove__signer *signer = &staged->signer;
    const rove_span key = {signer->public_key, signer->public_size};

    *author = (rove__hq_device){.replica = staged->former, .status = ROVE_DEVICE_REPLACED};
    if (signer->replica != staged->former) {
        *doubt = unknown;
        return ROVE_OK;
    }
    author->former = signer->former;
    author->user = signer->user;
    return ports->crypto->sha256(ports->crypto->ctx, &key, 1, author->key_hash);
}

/* The author, locked; *doubt: why all of it goes to review (NULL: it is judged). */
static rove_status find_author(const rove__server_ports *ports, rove__hq_tx *tx,
                               const rove__staged *staged, rove__hq_device *author,
                               const char **doubt) {
    int does = 1;
    rove_status status = ports->store->device_get(tx, staged->former, 1, author);

    *doubt = NULL;
    if (status == ROVE_NOT_FOUND) {
        return make_author(ports, staged, author, doubt);
    }
    if (status == ROVE_OK && staged->signer.replica != staged->former) {
        status = rove__judge_had(ports->store, tx, staged->signer.former, staged->former, &does);
    }
    if (!does) {
        *doubt = by_another;
    } else if (status == ROVE_OK && author->status == ROVE_DEVICE_REVOKED &&
               !ROVE_PLANTED(D11_REVOKED)) {
        *doubt = "Its device was revoked.";
    }
    return status;
}

/* Not one that there is only by somebody else's word. */
static rove_status store_author(const rove__server_ports *ports, rove__hq_tx *tx,
                                const rove__hq_device *author, const char *doubt) {
    return doubt == unknown ? ROVE_OK : ports->store->device_put(tx, author);
}

/* ---- what is here already ------------------------------------------------------------------------------- */

/* Whether an answer that was never confirmed refuses something: nobody has heard of that. */
static rove_status refuses(rove__bytes frames, rove__arena *arena, int *any) {
    rove__reader reader;

    *any = 0;
    rove__reader_init(&reader, frames.data, frames.size);
    while (rove__reader_left(&reader) > 0) {
        rove__ack ack;
        rove_status status = rove__judge_next_ack(&reader, arena, &ack);
        if (status != ROVE_OK) {
            return status;
        }
        for (size_t i = 0; i < ack.verdict_count; i++) {
            *any |= ack.verdicts[i].code == ROVE_VERDICT_REJECTED;
        }
    }
    return ROVE_OK;
}

/* *kept: the batch of that number is this one; *refused: and what its answer refuses nobody has heard of. */
static rove_status find_kept(const rove__server_ports *ports, rove__hq_tx *tx,
                             const rove__former *former, int *kept, int *refused) {
    rove__hq_batch batch;
    rove__arena arena;

    *refused = 0;
    rove__arena_init(&arena, ports->allocator, 2 * ROVE_ANSWER_MEMORY_MAX);
    rove_status status =
        ports->store->batch_get(tx, former->replica, former->number, &arena, &batch);
    *kept = status == ROVE_OK && rove__chain_equal(&batch.hash, &former->hash);
    if (*kept) {
        status = refuses(batch.answer, &arena, refused);
    }
    rove__arena_free(&arena);
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

rove_status rove__judge_has_former(const rove__server_ports *ports, rove__hq_tx *tx,
                                   const rove__former *former, int *has) {
    int kept = 0;
    int refused = 0;

    rove_status status = find_kept(ports, tx, former, &kept, &refused);
    *has =
        kept && !refused; /* judged once more it comes to review, and the history knows the rest */
    if (status == ROVE_OK && !kept) {
        status = ports->store->stray_get(tx, former->replica, &former->hash);
        *has = status == ROVE_OK;
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

/* ---- reviews that were opened before -------------------------------------------------------------------- */

typedef struct hearing {
    rove__judge *judge;
    rove_status status;
} hearing;

static rove__hash128 key_of(rove_replica replica, rove__bytes change) {
    uint8_t key[ROVE_HASH_KEY_SIZE] = {0};

    for (int i = 0; i < 4; i++) {
        key[i] = (uint8_t)(replica >> (8 * i));
    }
    return rove__siphash128(key, change.data, change.size);
}

static int by_hash(const void *a, const void *b) {
    return memcmp(a, b, sizeof(rove__hash128));
}

static rove_status each_review(void *ctx, const rove__hq_review *review) {
    rove__judge *judge = ctx;
    rove__hash128 *heard = rove__grow(judge->ports->allocator, judge->heard, judge->heard_count,
                                      &judge->heard_capacity, sizeof *heard);

    if (heard == NULL) {
        return ROVE_NOMEM;
    }
    judge->heard = heard;
    judge->heard[judge->heard_count++] = key_of(review->replica, review->change);
    return ROVE_OK;
}

/*
 * Of all reviews, whatever was decided; read once for a batch. Of a row that headquarters had lost, which comes without one, those that
 * are open: returned, it may be needed once more.
 */
static rove_status list_heard(rove__judge *judge) {
    int last = judge->staged != NULL ? 2 : 0;
    rove__arena arena;
    rove_status status = ROVE_OK;

    rove__arena_init(&arena, judge->ports->allocator, ROVE_JUDGE_ARENA_MAX);
    for (int state = 0; state <= last && status == ROVE_OK; state++) {
        status = judge->store->review_scan(judge->tx, state, &arena, each_review, judge);
    }
    rove__arena_free(&arena);
    if (judge->heard_count > 0) {
        qsort(judge->heard, judge->heard_count, sizeof *judge->heard, by_hash);
    }
    judge->heard_listed = status == ROVE_OK;
    return status;
}

rove_status rove__judge_heard(rove__judge *judge, const rove__act *act, int *heard) {
    rove_status status = judge->heard_listed ? ROVE_OK : list_heard(judge);
    rove__hash128 key = key_of(act->replica, act->packed);

    *heard = status == ROVE_OK && judge->heard_count > 0 &&
             bsearch(&key, judge->heard, judge->heard_count, sizeof key, by_hash) != NULL;
    return status;
}

/* ---- names ---------------------------------------------------------------------------------------------- */

/* All ops go to the spool again, so that their order by position stays. */
static rove_status rename_op(rove__judge *judge, const rove__renames *renames,
                             rove__staged_op *op) {
    rove__spool *spool = &judge->staged->stage->spool;
    rove__change change = {.edit_count = 0};
    size_t at = 0;
    int changed = 0;

    rove__arena_reset(&judge->record);
    rove_status status = rove__spool_read(spool, op->at, op->size, &judge->read);
    if (status == ROVE_OK) {
        status =
            rove__judge_unpack(judge, (rove__bytes){judge->read.data, judge->read.size}, &change);
    }
    if (status == ROVE_OK) {
        status = rove__rename_change(renames, &change, &judge->record, &changed);
    }
    if (status == ROVE_CORRUPT) {
        status = ROVE_OK; /* a set that cannot be read is judged as it is */
    }
    rove__buf_reset(&judge->packed);
    if (status == ROVE_OK) {
        status = rove__batch_add(judge->packer, &change);
    }
    if (status == ROVE_OK) {
        status = rove__batch_finish(judge->packer, &judge->packed);
    }
    if (status == ROVE_OK) {
        status = rove__spool_append(spool, judge->packed.data, judge->packed.size, &at);
    }
    if (status == ROVE_OK) {
        op->id = change.row.id;
        op->at = (uint32_t)at;
        op->size = (uint32_t)judge->packed.size;
    }
    return status;
}

rove_status rove__judge_rename(rove__judge *judge) {
    const rove__renames renames = {judge->answer->renames, judge->answer->rename_count};
    rove__staged *staged = judge->staged;
    rove_status status = ROVE_OK;

    judge->as_staged = rove__alloc(judge->ports->allocator, staged->count * sizeof *staged->ops);
    if (judge->as_staged == NULL) {
        return ROVE_NOMEM;
    }
    memcpy(judge->as_staged, staged->ops, staged->count * sizeof *staged->ops);
    for (size_t i = 0; i < staged->count && status == ROVE_OK; i++) {
        status = rename_op(judge, &renames, &staged->ops[i]);
    }
    return status;
}

void rove__judge_unrename(rove__judge *judge) {
    if (judge->as_staged != NULL) {
        memcpy(judge->staged->ops, judge->as_staged,
               judge->staged->count * sizeof *judge->staged->ops);
    }
}

/* ---- what headquarters had forgotten -------------------------------------------------------------------- */

/* Of an author whom it does not know: his key goes into the records of devices, for headquarters proves by it what he signed. */
static rove_status keep_key(rove__judge *judge) {
    const rove__signer *signer = &judge->staged->signer;
    const rove__entity *entity = rove__registry_by_name(judge->ports->registry, "Device");
    rove__hq_device known;
    rove__row row;

    rove_status status = judge->store->device_get(judge->tx, judge->device->replica, 0, &known);
    if (status != ROVE_NOT_FOUND || signer->replica != judge->device->replica) {
        return status == ROVE_NOT_FOUND ? ROVE_OK : status;
    }
    rove__arena_reset(&judge->record);
    status = rove__row_init(&row, entity, 0, &judge->record);
    if (status != ROVE_OK) {
        return status;
    }
    rove__row_set(&row, (size_t)rove__entity_field_named(entity, "user_id"),
                  rove__value_int(signer->user));
    rove__row_set(&row, (size_t)rove__entity_field_named(entity, "public_key"),
                  rove__value_bytes(ROVE_BLOB, signer->public_key, signer->public_size));
    return rove__writer_insert(judge->writer, &row, judge->error);
}

/* ---- the batch ------------------------------------------------------------------------------------------ */

static rove_status each_copy(void *ctx, const rove__hq_device *device) {
    rove__judge *judge = ctx;

    judge->copied |= device->former == judge->device->replica;
    return ROVE_OK;
}

rove_status rove__judge_is_copied(rove__judge *judge) {
    return judge->store->device_scan(judge->tx, judge->device->user, each_copy, judge);
}

rove_status rove__judge_is_forked(rove__judge *judge) {
    const rove__hq_device *author = judge->device;
    rove_status status = judge->store->stray_get(judge->tx, author->replica, NULL);

    judge->forked =
        status == ROVE_OK || (judge->stray && !judge->kept) || author->status != ROVE_DEVICE_ACTIVE;
    if ((status != ROVE_OK && status != ROVE_NOT_FOUND) || judge->forked) {
        return status == ROVE_NOT_FOUND ? ROVE_OK : status;
    }
    status = rove__judge_is_copied(judge);
    judge->forked = judge->copied;
    return status;
}

/*
 * 1 if it does not go on with its author's chain. What another device signed never does, or who knows a chain could take the
 * next number from its device.
 */
static int is_stray(const rove__staged *staged, const rove__hq_device *author, const char *doubt) {
    return doubt == by_another || doubt == unknown || staged->number != author->last_batch + 1 ||
           !rove__chain_equal(&staged->previous, &author->chain);
}

/* How a batch stands to what its author sent. */
typedef struct standing {
    const char *doubt; /* why all of it goes to review; NULL: it is judged */
    int stray, kept;   /* as the judge has them */
} standing;

static rove_status find_standing(const rove__server_ports *ports, rove__hq_tx *tx,
                                 const rove__staged *staged, const rove__hq_device *author,
                                 standing *s) {
    const rove__former former = {staged->former, staged->number, staged->hash, 0};
    int refused = 0;

    rove_status status = find_kept(ports, tx, &former, &s->kept, &refused);
    s->stray = is_stray(staged, author, s->doubt);
    if (s->doubt == NULL && s->kept) {
        s->doubt = unheard; /* its rep may have tried again since */
    } else if (s->doubt == NULL && staged->dropped && s->stray) {
        s->doubt = out_of_chain;
    }
    return status;
}

static rove_status judge_author(const rove__server_ports *ports, rove__hq_tx *tx,
                                rove__hq_device *author, const standing *s, rove__staged *staged,
                                int64_t now_ms, rove__server_stats *stats, rove_error *error) {
    rove__judge judge;
    rove__answer nobody;
    const rove__judge_actor actor = {"sealed", ""};

    rove__answer_init(&nobody, ports->allocator);
    rove_status status = rove__judge_open(&judge, ports, tx, author, now_ms, &actor, stats, error);
    judge.staged = staged;
    judge.answer = &nobody;
    judge.former = 1;
    judge.doubt = s->doubt;
    judge.stray = s->stray;
    judge.kept = s->kept;
    if (status == ROVE_OK) {
        status = rove__judge_is_forked(&judge);
    }
    if (status == ROVE_OK) {
        status = keep_key(&judge);
    }
    if (status == ROVE_OK) {
        status = rove__judge_fresh(&judge);
    }
    rove__judge_unrename(&judge);
    rove__judge_close(&judge);
    rove__answer_free(&nobody);
    return status;
}

rove_status rove__judge_former(const rove__server_ports *ports, rove__hq_tx *tx,
                               const rove__hq_device *device, rove__staged *staged, int64_t now_ms,
                               rove__server_stats *stats, rove__former *taken, rove__answer *answer,
                               rove_error *error) {
    rove__hq_device author;
    rove__hq_head head;
    standing s = {NULL, 0, 0};
    int has = 0;

    ROVE_ASSERT(rove__staged_complete(staged) && staged->former != 0);
    *taken = (rove__former){staged->former, staged->number, staged->hash, 0};
    rove_status status = rove__judge_has_former(ports, tx, taken, &has);
    if (status == ROVE_OK) {
        status = find_author(ports, tx, staged, &author, &s.doubt);
    }
    if (status == ROVE_OK && !has) {
        status = find_standing(ports, tx, staged, &author, &s);
        if (status == ROVE_OK) {
            status = judge_author(ports, tx, &author, &s, staged, now_ms, stats, error);
        }
        if (status == ROVE_OK) {
            status = store_author(ports, tx, &author, s.doubt);
        }
    }
    if (status == ROVE_OK && author.user == device->user) {
        status = rove__judge_names_told(ports->store, tx, staged, answer);
    }
    if (status == ROVE_OK) {
        status = ports->store->head_get(tx, &head);
        taken->seq = head.seq;
    }
    return status;
}

/* ---- through the drop box ------------------------------------------------------------------------------- */

/* What stands between it and the last one that is here may be on its way. */
static int is_early(const rove__staged *staged, const rove__hq_device *author) {
    return staged->number > author->last_batch + 1;
}

static rove_status each_of_nobody(void *ctx, const rove__hq_review *review) {
    *(uint64_t *)ctx += review->user == 0;
    return ROVE_OK;
}

rove_status rove__judge_room(const rove__server_ports *ports, rove__hq_tx *tx, rove_id user,
                             size_t more, int *room) {
    uint64_t open = 0;
    rove_status status = ROVE_OK;
    rove__arena arena;

    if (user != 0) {
        status = ports->store->review_load(tx, user, &open);
    } else { /* to the store that is everybody */
        rove__arena_init(&arena, ports->allocator, ROVE_JUDGE_ARENA_MAX);
        status = ports->store->review_scan(tx, 0, &arena, each_of_nobody, &open);
        rove__arena_free(&arena);
    }
    *room = status == ROVE_OK && (open == 0 || open + more <= ROVE_REVIEWS_OF_USER_MAX);
    return status;
}

/* Not so long as batches before it may come, nor if it goes to review whole and there is no room. */
static rove_status is_for_now(const rove__server_ports *ports, rove__hq_tx *tx,
                              const rove__staged *staged, const rove__hq_device *author, int waits,
                              standing *s, int *now) {
    *now = !waits || !is_early(staged, author);
    rove_status status = *now ? find_standing(ports, tx, staged, author, s) : ROVE_OK;

    if (status == ROVE_OK && *now && s->doubt != NULL) {
        status = rove__judge_room(ports, tx, author->user, staged->count, now);
    }
    return status;
}

rove_status rove__judge_dropped(const rove__server_ports *ports, rove__hq_tx *tx,
                                rove__staged *staged, int waits, int64_t now_ms,
                                rove__server_stats *stats, int *taken, rove_error *error) {
    rove__former former = {staged->former, staged->number, staged->hash, 0};
    rove__hq_device author;
    standing s = {NULL, 0, 0};
    int has = 0;
    int now = 0;

    ROVE_ASSERT(rove__staged_complete(staged) && staged->former != 0);
    *taken = 0;
    staged->dropped = 1;
    rove_status status = rove__judge_has_former(ports, tx, &former, &has);
    if (status == ROVE_OK && !has) {
        status = find_author(ports, tx, staged, &author, &s.doubt);
    }
    if (status == ROVE_OK && !has) {
        status = is_for_now(ports, tx, staged, &author, waits, &s, &now);
    }
    if (status != ROVE_OK || (!has && !now)) {
        return status;
    }
    if (!has) {
        status = judge_author(ports, tx, &author, &s, staged, now_ms, stats, error);
    }
    if (status == ROVE_OK && !has) {
        status = store_author(ports, tx, &author, s.doubt);
    }
    *taken = status == ROVE_OK;
    return status;
}
