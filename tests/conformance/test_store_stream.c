/*
 * What headquarters' stores keep beside rows: the head and its commits, devices and their batches, the feed, marks,
 * grants and entailments.
 */
#include "bed.h"

/* ---- head ----------------------------------------------------------------------------------------------- */

static void the_head_comes_back(void **state) {
    bed *b = *state;
    rove__hq_head head = {.timeline = INT64_MAX,
                          .seq = 12,
                          .stamp = ROVE_STAMP_MAX,
                          .replica = ROVE_REPLICA_MAX,
                          .counter = UINT32_MAX,
                          .safe = 11,
                          .assigned = 10,
                          .purged = 9};
    rove__hq_head found;

    for (size_t i = 0; i < sizeof head.digest_key; i++) {
        head.digest_key[i] = (uint8_t)(255 - i);
    }
    rove__hq_tx *tx = bed_write(b);
    ok(b->store->head_put(tx, &head));
    bed_commit(b, tx);
    tx = bed_read(b);
    ok(b->store->head_get(tx, &found));
    assert_int_equal(found.timeline, head.timeline);
    assert_int_equal(found.seq, head.seq);
    assert_int_equal(found.stamp, head.stamp);
    assert_int_equal(found.replica, head.replica);
    assert_int_equal(found.counter, head.counter);
    assert_memory_equal(found.digest_key, head.digest_key, sizeof head.digest_key);
    assert_int_equal(found.safe, head.safe);
    assert_int_equal(found.assigned, head.assigned);
    assert_int_equal(found.purged, head.purged);
    bed_rollback(b, tx);
}

static void a_timeline_knows_its_parent(void **state) {
    bed *b = *state;
    rove__hq_timeline found;

    rove__hq_tx *tx = bed_write(b);
    for (uint64_t i = 1; i < 4; i++) {
        rove__hq_timeline line = {i, i - 1, i * 100};
        ok(b->store->timeline_put(tx, &line));
    }
    ok(b->store->timeline_get(tx, 3, &found));
    assert_int_equal(found.timeline, 3);
    assert_int_equal(found.parent, 2);
    assert_int_equal(found.parted, 300);
    assert_int_equal(b->store->timeline_get(tx, 4, &found), ROVE_NOT_FOUND);
    bed_commit(b, tx);
}

static void the_stamp_of_a_seq_is_that_of_the_newest_commit_up_to_it(void **state) {
    bed *b = *state;
    const struct {
        uint64_t seq;
        rove_stamp stamp;
    } cases[] = {{0, 0}, {2, 0}, {3, 30}, {4, 30}, {5, 50}, {1000, 50}, {UINT64_MAX, 50}};

    rove__hq_tx *tx = bed_write(b);
    rove_stamp stamp = 1;
    ok(b->store->commit_stamp(tx, 5, &stamp));
    assert_int_equal(stamp, 0);
    for (uint64_t seq = 3; seq < 6; seq += 2) {
        rove__hq_commit commit = {.seq = seq,
                                  .stamp = seq * 10,
                                  .replica = 4,
                                  .user = INT64_MAX,
                                  .operator_name = "",
                                  .act = "push"};
        ok(b->store->commit_put(tx, &commit));
    }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ok(b->store->commit_stamp(tx, cases[i].seq, &stamp));
        assert_int_equal(stamp, cases[i].stamp);
    }
    bed_commit(b, tx);
}

/* ---- devices -------------------------------------------------------------------------------------------- */

static rove__hq_device device_of(rove_replica replica, rove_id user) {
    rove__hq_device device = {.replica = replica,
                              .user = user,
                              .status = ROVE_DEVICE_REPLACED,
                              .former = ROVE_REPLICA_MAX,
                              .last_batch = UINT64_MAX,
                              .confirmed = 7,
                              .last_stamp = ROVE_STAMP_MAX,
                              .enrolled_ms = INT64_MIN,
                              .certificate_until_ms = INT64_MAX,
                              .contact_ms = -1,
                              .wall_offset_ms = INT64_MIN,
                              .cursor = UINT64_MAX,
                              .schema = UINT32_MAX,
                              .asked = INT64_MAX,
                              .unheard = UINT32_MAX};

    memset(device.chain.hash, (int)replica & 0xff, sizeof device.chain.hash);
    memset(device.key_hash, 0, sizeof device.key_hash);
    memset(device.app, 'a', sizeof device.app - 1);
    return device;
}

static void expect_device(const rove__hq_device *a, const rove__hq_device *b) {
    assert_int_equal(a->replica, b->replica);
    assert_int_equal(a->user, b->user);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->former, b->former);
    assert_int_equal(a->last_batch, b->last_batch);
    assert_memory_equal(a->chain.hash, b->chain.hash, sizeof a->chain.hash);
    assert_int_equal(a->confirmed, b->confirmed);
    assert_int_equal(a->last_stamp, b->last_stamp);
    assert_int_equal(a->enrolled_ms, b->enrolled_ms);
    assert_int_equal(a->certificate_until_ms, b->certificate_until_ms);
    assert_memory_equal(a->key_hash, b->key_hash, sizeof a->key_hash);
    assert_int_equal(a->contact_ms, b->contact_ms);
    assert_int_equal(a->wall_offset_ms, b->wall_offset_ms);
    assert_int_equal(a->cursor, b->cursor);
    assert_int_equal(a->schema, b->schema);
    assert_int_equal(a->asked, b->asked);
    assert_int_equal(a->unheard, b->unheard);
    assert_string_equal(a->app, b->app);
}

static void a_device_comes_back(void **state) {
    bed *b = *state;
    rove__hq_device device = device_of(9, 100);
    rove__hq_device found;

    rove__hq_tx *tx = bed_write(b);
    assert_int_equal(b->store->device_get(tx, 9, 1, &found), ROVE_NOT_FOUND);
    ok(b->store->device_put(tx, &device));
    ok(b->store->device_get(tx, 9, 1, &found));
    expect_device(&found, &device);
    device.status = ROVE_DEVICE_ACTIVE;
    device.last_batch = 3;
    device.app[0] = '\0';
    ok(b->store->device_put(tx, &device));
    bed_commit(b, tx);
    tx = bed_read(b);
    ok(b->store->device_get(tx, 9, 0, &found));
    expect_device(&found, &device);
    bed_rollback(b, tx);
}

static rove_status each_device(void *ctx, const rove__hq_device *device) {
    return bed_note(ctx, 0, device->replica);
}

static void devices_are_found_by_their_user(void **state) {
    bed *b = *state;
    const rove_id all[] = {3, 5, 8, ROVE_REPLICA_MAX};
    const rove_id hers[] = {3, 8};

    rove__hq_tx *tx = bed_write(b);
    for (size_t i = 4; i-- > 0;) {
        rove__hq_device device = device_of((rove_replica)all[i], i % 2 == 0 ? 100 : 200);
        ok(b->store->device_put(tx, &device));
    }
    bed_seen seen = {.count = 0};
    ok(b->store->device_scan(tx, 0, each_device, &seen));
    bed_expect_ids(&seen, all, 4);
    seen.count = 0;
    ok(b->store->device_scan(tx, 100, each_device, &seen));
    bed_expect_ids(&seen, hers, 2);
    seen = (bed_seen){.stop_after = 1, .answer = ROVE_DONE};
    ok(b->store->device_scan(tx, 0, each_device, &seen));
    assert_int_equal(seen.count, 1);
    bed_commit(b, tx);
}

/* ---- batches -------------------------------------------------------------------------------------------- */

static rove__hq_batch batch_of(rove_replica replica, uint64_t number) {
    rove__hq_batch batch = {.replica = replica,
                            .number = number,
                            .seq = number * 2,
                            .answer = bed_bytes("\0answer", 7),
                            .rows = bed_bytes("rows", 4)};

    memset(batch.hash.hash, (int)number, sizeof batch.hash.hash);
    memset(batch.chain.hash, (int)number + 100, sizeof batch.chain.hash);
    return batch;
}

static void expect_batch(bed *b, rove__hq_tx *tx, rove_replica replica, uint64_t number,
                         int confirmed) {
    rove__hq_batch expected = batch_of(replica, number);
    rove__hq_batch found;

    ok(b->store->batch_get(tx, replica, number, &b->arena, &found));
    assert_int_equal(found.replica, replica);
    assert_int_equal(found.number, number);
    assert_int_equal(found.seq, expected.seq);
    assert_memory_equal(found.hash.hash, expected.hash.hash, sizeof found.hash.hash);
    assert_memory_equal(found.chain.hash, expected.chain.hash, sizeof found.chain.hash);
    bed_expect_bytes(found.answer, "\0answer", confirmed ? 0 : 7);
    bed_expect_bytes(found.rows, "rows", confirmed ? 0 : 4);
}

static void a_confirmed_batch_keeps_its_hash_and_forgets_its_answer(void **state) {
    bed *b = *state;
    rove__hq_batch found;

    rove__hq_tx *tx = bed_write(b);
    for (uint64_t number = 1; number <= 5; number++) {
        for (rove_replica replica = 8; replica < 10; replica++) {
            rove__hq_batch batch = batch_of(replica, number);
            ok(b->store->batch_put(tx, &batch));
        }
    }
    ok(b->store->batch_confirm(tx, 9, 3));
    ok(b->store->batch_confirm(tx, 9, 2));
    for (uint64_t number = 1; number <= 5; number++) {
        expect_batch(b, tx, 8, number, 0);
        expect_batch(b, tx, 9, number, number <= 3);
    }
    assert_int_equal(b->store->batch_get(tx, 9, 6, &b->arena, &found), ROVE_NOT_FOUND);
    assert_int_equal(b->store->batch_get(tx, 7, 1, &b->arena, &found), ROVE_NOT_FOUND);
    ok(b->store->batch_confirm(tx, 8, UINT64_MAX));
    expect_batch(b, tx, 8, 5, 1);
    bed_commit(b, tx);
}

static void a_batch_gets_another_answer(void **state) {
    bed *b = *state;
    rove__hq_batch batch = batch_of(9, 2);
    rove__hq_batch found;

    rove__hq_tx *tx = bed_write(b);
    for (uint64_t number = 1; number <= 3; number++) {
        rove__hq_batch before = batch_of(9, number);
        ok(b->store->batch_put(tx, &before));
    }
    bed_commit(b, tx);
    batch.seq = 77;
    batch.answer = bed_bytes("another", 7);
    tx = bed_write(b);
    ok(b->store->batch_put(tx, &batch));
    bed_commit(b, tx);
    tx = bed_write(b);
    ok(b->store->batch_get(tx, 9, 2, &b->arena, &found));
    assert_int_equal(found.seq, 77);
    bed_expect_bytes(found.answer, "another", 7);
    bed_expect_bytes(found.rows, "rows", 4);
    expect_batch(b, tx, 9, 1, 0);
    expect_batch(b, tx, 9, 3, 0);
    bed_commit(b, tx);
}

static void a_stray_batch_is_known_by_its_hash(void **state) {
    bed *b = *state;
    const rove__chain hash = {{1, 2, 3}};
    const rove__chain other = {{1, 2, 4}};

    rove__hq_tx *tx = bed_write(b);
    assert_int_equal(b->store->stray_get(tx, 9, &hash), ROVE_NOT_FOUND);
    ok(b->store->stray_put(tx, 9, &hash));
    ok(b->store->stray_put(tx, 9, &hash));
    bed_commit(b, tx);
    tx = bed_write(b);
    ok(b->store->stray_get(tx, 9, &hash));
    ok(b->store->stray_get(tx, 9, NULL));
    assert_int_equal(b->store->stray_get(tx, 8, &hash), ROVE_NOT_FOUND);
    assert_int_equal(b->store->stray_get(tx, 8, NULL), ROVE_NOT_FOUND);
    assert_int_equal(b->store->stray_get(tx, 9, &other), ROVE_NOT_FOUND);
    bed_commit(b, tx);
}

static void a_large_answer_comes_back(void **state) {
    bed *b = *state;
    rove__hq_batch batch = batch_of(9, 1);
    rove__hq_batch found;
    size_t size = (size_t)2 << 20;
    uint8_t *answer = rove__arena_take(&b->arena, size);

    for (size_t i = 0; i < size; i++) {
        answer[i] = (uint8_t)(i / 255);
    }
    batch.answer = bed_bytes(answer, size);
    batch.rows = bed_bytes(NULL, 0);
    rove__hq_tx *tx = bed_write(b);
    ok(b->store->batch_put(tx, &batch));
    ok(b->store->batch_get(tx, 9, 1, &b->arena, &found));
    bed_expect_bytes(found.answer, answer, size);
    bed_expect_bytes(found.rows, NULL, 0);
    bed_commit(b, tx);
}

/* ---- feed and marks ------------------------------------------------------------------------------------- */

static rove_status each_entry(void *ctx, uint64_t seq, uint32_t ordinal, uint32_t entity,
                              rove_id id) {
    assert_int_equal(entity, 6);
    assert_int_equal(id, seq * 10 + ordinal);
    return bed_note(ctx, entity, id);
}

static bed_seen feed(bed *b, rove__hq_tx *tx, uint64_t after, uint32_t ordinal, uint64_t last) {
    bed_seen seen = {.count = 0};

    ok(b->store->feed_scan(tx, after, ordinal, last, each_entry, &seen));
    return seen;
}

static void the_feed_gives_what_lies_after_one_place_and_up_to_a_seq(void **state) {
    bed *b = *state;
    const rove_id all[] = {10, 11, 20, 21, 22, 30, 50};

    rove__hq_tx *tx = bed_write(b);
    for (size_t i = 7; i-- > 0;) {
        ok(b->store->feed_put(tx, (uint64_t)all[i] / 10, (uint32_t)all[i] % 10, 6, all[i]));
    }
    bed_seen seen = feed(b, tx, 0, 0, UINT64_MAX);
    bed_expect_ids(&seen, all, 7);
    seen = feed(b, tx, 0, UINT32_MAX, 5);
    bed_expect_ids(&seen, all, 7);
    seen = feed(b, tx, 1, UINT32_MAX, 2);
    bed_expect_ids(&seen, all + 2, 3);
    seen = feed(b, tx, 1, 0, 2);
    bed_expect_ids(&seen, all + 1, 4);
    seen = feed(b, tx, 2, 1, 3);
    bed_expect_ids(&seen, all + 4, 2);
    assert_int_equal(feed(b, tx, 3, 0, 4).count, 0);
    assert_int_equal(feed(b, tx, 5, 0, UINT64_MAX).count, 0);
    assert_int_equal(feed(b, tx, UINT64_MAX, 0, UINT64_MAX).count, 0);
    assert_int_equal(feed(b, tx, 4, 0, 2).count, 0);
    bed_commit(b, tx);
}

static rove_status each_mark(void *ctx, const rove__hq_mark *mark) {
    assert_int_equal(mark->scope.root, mark->id + 1000);
    assert_int_equal(mark->scope.part, (int32_t)mark->seq);
    return bed_note(ctx, mark->entity, (rove_id)mark->seq * 10 + mark->id);
}

static void marks_are_found_by_seq_and_by_row(void **state) {
    bed *b = *state;
    const rove_id all[] = {11, 12, 21, 32, 41};
    const rove_id first[] = {11, 21, 41};
    bed_seen seen = {.count = 0};

    rove__hq_tx *tx = bed_write(b);
    for (size_t i = 10; i-- > 0;) { /* each twice */
        rove_id id = all[i % 5] % 10;
        uint64_t seq = (uint64_t)all[i % 5] / 10;
        rove__hq_mark mark = {13, id, {id + 1000, (int32_t)seq}, seq};
        ok(b->store->mark_put(tx, &mark));
    }
    rove__hq_mark other = {14, 1, {1001, 9}, 9};
    ok(b->store->mark_put(tx, &other));
    ok(b->store->mark_scan(tx, 0, 8, each_mark, &seen));
    bed_expect_ids(&seen, all, 5);
    seen.count = 0;
    ok(b->store->mark_scan(tx, 1, 3, each_mark, &seen));
    bed_expect_ids(&seen, all + 2, 2);
    seen.count = 0;
    ok(b->store->mark_scan(tx, 4, UINT64_MAX, each_mark, &seen));
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.entities[0], 14);
    seen.count = 0;
    ok(b->store->mark_of_row(tx, 13, 1, each_mark, &seen));
    bed_expect_ids(&seen, first, 3);
    seen.count = 0;
    ok(b->store->mark_of_row(tx, 13, 3, each_mark, &seen));
    assert_int_equal(seen.count, 0);
    bed_commit(b, tx);
}

static rove_status each_left(void *ctx, const rove__hq_mark *mark) {
    return bed_note(ctx, mark->entity, mark->scope.root);
}

static void a_row_may_leave_two_scopes_at_one_seq(void **state) {
    bed *b = *state;
    const rove_id roots[] = {1, 2};
    bed_seen seen = {.count = 0};

    rove__hq_tx *tx = bed_write(b);
    for (size_t i = 0; i < 2; i++) {
        rove__hq_mark mark = {13, 5, {roots[i], 202601}, 1};
        ok(b->store->mark_put(tx, &mark));
    }
    ok(b->store->mark_scan(tx, 0, 1, each_left, &seen));
    bed_expect_ids(&seen, roots, 2);
    bed_commit(b, tx);
}

/* ---- grants --------------------------------------------------------------------------------------------- */

typedef struct grants {
    size_t count;
    rove__hq_grant items[16];
} grants;

static rove_status each_grant(void *ctx, const rove__hq_grant *grant) {
    grants *found = ctx;

    assert_true(found->count < 16);
    found->items[found->count++] = *grant;
    return ROVE_OK;
}

static grants grants_of(bed *b, rove__hq_tx *tx, rove_id user, rove_id root) {
    grants found = {.count = 0};

    ok(b->store->grant_scan(tx, user, root, each_grant, &found));
    for (size_t i = 1; i < found.count; i++) {
        const rove__hq_grant *a = &found.items[i - 1];
        const rove__hq_grant *c = &found.items[i];
        assert_true(a->user < c->user ||
                    (a->user == c->user &&
                     (a->root < c->root || (a->root == c->root && a->from < c->from))));
    }
    return found;
}

static void grants_are_found_by_user_by_root_and_by_both(void **state) {
    bed *b = *state;

    rove__hq_tx *tx = bed_write(b);
    for (rove_id user = 3; user >= 1; user--) {
        for (rove_id root = 4; root >= user; root--) {
            rove__hq_grant grant = {user, root,          ROVE_PART_FIRST, ROVE_PART_LAST,
                                    10,   ROVE_SEQ_OPEN, user == 2};
            ok(b->store->grant_put(tx, &grant));
        }
    }
    assert_int_equal(grants_of(b, tx, 0, 0).count, 9);
    assert_int_equal(grants_of(b, tx, 1, 0).count, 4);
    assert_int_equal(grants_of(b, tx, 0, 3).count, 3);
    assert_int_equal(grants_of(b, tx, 4, 0).count, 0);
    assert_int_equal(grants_of(b, tx, 3, 2).count, 0);
    grants one = grants_of(b, tx, 2, 3);
    assert_int_equal(one.count, 1);
    assert_int_equal(one.items[0].part_from, ROVE_PART_FIRST);
    assert_int_equal(one.items[0].part_to, ROVE_PART_LAST);
    assert_int_equal(one.items[0].to, ROVE_SEQ_OPEN);
    assert_true(one.items[0].author);
    bed_commit(b, tx);
}

static void a_grant_that_ends_stays_beside_the_next_one(void **state) {
    bed *b = *state;
    rove__hq_grant grant = {1, 5, 202601, 202612, 10, ROVE_SEQ_OPEN, 0};

    rove__hq_tx *tx = bed_write(b);
    ok(b->store->grant_put(tx, &grant));
    grant.to = 20;
    ok(b->store->grant_put(tx, &grant));
    grant.from = 30;
    grant.to = ROVE_SEQ_OPEN;
    grant.part_from = 202602;
    ok(b->store->grant_put(tx, &grant));
    bed_commit(b, tx);
    tx = bed_read(b);
    grants found = grants_of(b, tx, 1, 5);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.items[0].from, 10);
    assert_int_equal(found.items[0].to, 20);
    assert_int_equal(found.items[0].part_from, 202601);
    assert_int_equal(found.items[1].from, 30);
    assert_int_equal(found.items[1].to, ROVE_SEQ_OPEN);
    assert_int_equal(found.items[1].part_from, 202602);
    bed_rollback(b, tx);
}

typedef struct entailments {
    size_t count;
    rove__hq_entailment items[16];
} entailments;

static rove_status each_entailment(void *ctx, const rove__hq_entailment *e) {
    entailments *found = ctx;

    assert_true(found->count < 16);
    found->items[found->count++] = *e;
    return ROVE_OK;
}

static entailments entailments_of(bed *b, rove__hq_tx *tx, rove_id holder, rove_id entailed) {
    entailments found = {.count = 0};

    ok(b->store->entailment_scan(tx, holder, entailed, each_entailment, &found));
    return found;
}

static void entailments_are_found_from_either_end(void **state) {
    bed *b = *state;

    rove__hq_tx *tx = bed_write(b);
    for (rove_id holder = 2; holder >= 1; holder--) {
        for (rove_id entailed = 13; entailed >= 11; entailed--) {
            rove__hq_entailment e = {holder, entailed, holder * 100 + entailed, 5, ROVE_SEQ_OPEN};
            ok(b->store->entailment_put(tx, &e));
        }
    }
    rove__hq_entailment twice = {1, 11, 999, 6, ROVE_SEQ_OPEN};
    ok(b->store->entailment_put(tx, &twice));
    twice.to = 8;
    ok(b->store->entailment_put(tx, &twice));
    twice.from = 9;
    twice.to = ROVE_SEQ_OPEN;
    ok(b->store->entailment_put(tx, &twice));
    assert_int_equal(entailments_of(b, tx, 0, 0).count, 8);
    assert_int_equal(entailments_of(b, tx, 2, 0).count, 3);
    assert_int_equal(entailments_of(b, tx, 0, 12).count, 2);
    assert_int_equal(entailments_of(b, tx, 3, 0).count, 0);
    entailments found = entailments_of(b, tx, 1, 11);
    assert_int_equal(found.count, 3);
    assert_int_equal(found.items[0].via, 111);
    assert_int_equal(found.items[1].via, 999);
    assert_int_equal(found.items[1].from, 6);
    assert_int_equal(found.items[1].to, 8);
    assert_int_equal(found.items[2].from, 9);
    assert_int_equal(found.items[2].to, ROVE_SEQ_OPEN);
    bed_commit(b, tx);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        bed_test(the_head_comes_back),
        bed_test(a_timeline_knows_its_parent),
        bed_test(the_stamp_of_a_seq_is_that_of_the_newest_commit_up_to_it),
        bed_test(a_device_comes_back),
        bed_test(devices_are_found_by_their_user),
        bed_test(a_confirmed_batch_keeps_its_hash_and_forgets_its_answer),
        bed_test(a_batch_gets_another_answer),
        bed_test(a_stray_batch_is_known_by_its_hash),
        bed_test(a_large_answer_comes_back),
        bed_test(the_feed_gives_what_lies_after_one_place_and_up_to_a_seq),
        bed_test(marks_are_found_by_seq_and_by_row),
        bed_test(a_row_may_leave_two_scopes_at_one_seq),
        bed_test(grants_are_found_by_user_by_root_and_by_both),
        bed_test(a_grant_that_ends_stays_beside_the_next_one),
        bed_test(entailments_are_found_from_either_end),
    };

    return bed_run("stream", tests, sizeof tests / sizeof *tests);
}
