/*
 * test_client_review.c - what needs the rep's eye is listed, with reasons, and can be acted on: pending work, refused
 * writes, quarantined rows, conflicts.
 */
#include "phone.h"

#include "rove/entities.pb-c.h"

static phone p;

static int set_up(void **state) {
    (void)state;
    phone_start(&p, "client_review");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    phone_stop(&p);
    return 0;
}

static rove_status sync_now(rove_sync_report *report) {
    return rove_sync(p.replica, NULL, report, &p.error);
}

static void rename_account(rove_id id, const char *name) {
    rove_field fields[] = {{"name", rove_text(name)}};

    phone_ok(&p, rove_update(p.replica, "Account", id, fields, 1, &p.error));
}

/* ---- pending work ---- */

typedef struct pending_list {
    size_t count;
    struct {
        rove_id id;
        char entity[32], what[16], fields[256];
        int in_flight;
        int64_t at_ms;
    } items[16];
} pending_list;

static rove_status take_pending(void *ctx, const rove_pending *pending) {
    pending_list *list = ctx;

    assert_true(list->count < 16);
    list->items[list->count].id = pending->id;
    list->items[list->count].in_flight = pending->in_flight;
    list->items[list->count].at_ms = pending->at_ms;
    snprintf(list->items[list->count].entity, 32, "%s", pending->entity);
    snprintf(list->items[list->count].what, 16, "%s", pending->what);
    snprintf(list->items[list->count].fields, 256, "%s", pending->fields);
    list->count++;
    return ROVE_OK;
}

static void test_pending_work_is_listed_newest_first(void **state) {
    pending_list list = {0};
    rove_id first = 0;
    (void)state;

    p.accounts = 2;
    phone_ok(&p, sync_now(NULL));
    first = rove__id_make(1, 1);
    rove_field two[] = {{"industry", rove_text("toys")}, {"phone", rove_text("1")}};
    phone_ok(&p, rove_update(p.replica, "Account", first, two, 2, &p.error));
    rove_id second = phone_account(&p, "new");
    phone_ok(&p, rove_delete(p.replica, "Account", rove__id_make(1, 2), &p.error));

    phone_ok(&p, rove_pending_list(p.replica, take_pending, &list, &p.error));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].what, "delete");
    assert_string_equal(list.items[1].what, "insert");
    assert_int_equal(list.items[1].id, second);
    assert_string_equal(list.items[1].fields, "");
    assert_string_equal(list.items[2].what, "update");
    assert_string_equal(list.items[2].entity, "Account");
    assert_int_equal(list.items[2].id, first);
    assert_string_equal(list.items[2].fields, "industry,phone");
    assert_false(list.items[2].in_flight);
    assert_int_equal(list.items[2].at_ms, rove_now_ms(p.replica));

    p.refuse = ROVE_NETWORK;
    p.refusals = 1;
    phone_is(&p, sync_now(NULL), ROVE_NETWORK);
    list.count = 0;
    phone_ok(&p, rove_pending_list(p.replica, take_pending, &list, &p.error));
    assert_int_equal(list.count, 3);
    assert_true(list.items[0].in_flight);
    phone_ok(&p, sync_now(NULL));
    list.count = 0;
    phone_ok(&p, rove_pending_list(p.replica, take_pending, &list, &p.error));
    assert_int_equal(list.count, 0);
}

static rove_status stop_at_once(void *ctx, const rove_pending *pending) {
    (void)pending;
    ++*(int *)ctx;
    return ROVE_DONE;
}

static rove_status give_up(void *ctx, const rove_pending *pending) {
    (void)pending;
    ++*(int *)ctx;
    return ROVE_CANCELLED;
}

static void test_a_visitor_may_have_seen_enough(void **state) {
    int calls = 0;
    (void)state;

    (void)phone_account(&p, "a");
    (void)phone_account(&p, "b");
    phone_ok(&p, rove_pending_list(p.replica, stop_at_once, &calls, &p.error));
    assert_int_equal(calls, 1);
    phone_is(&p, rove_pending_list(p.replica, give_up, &calls, &p.error), ROVE_CANCELLED);
    assert_int_equal(calls, 2);
    phone_is(&p, rove_pending_list(p.replica, NULL, NULL, &p.error), ROVE_INVALID);
}

/* ---- refused writes ---- */

static rove_id refused_id;

static void refuses_one(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    const rove__entity *entity = rove__registry_by_name(ph->registry, "Account");
    rove__verdict verdict = {.entity = entity->number,
                             .id = refused_id,
                             .code = ROVE_VERDICT_REJECTED,
                             .status = ROVE_RANGE,
                             .reason = "The name is not on the list."};

    phone_welcome(ph, writer, answer);
    phone_ack(ph, writer, answer, ph->judged, &verdict, 1);
    phone_end(ph, writer, answer, 0);
    ph->compose = NULL;
}

typedef struct rejection_list {
    size_t count;
    int64_t number;
    rove_id id;
    rove_status status;
    char entity[32], reason[100];
    int64_t at_ms;
} rejection_list;

static rove_status take_rejection(void *ctx, const rove_rejection *rejection) {
    rejection_list *list = ctx;

    list->count++;
    list->number = rejection->number;
    list->id = rejection->id;
    list->status = rejection->status;
    list->at_ms = rejection->at_ms;
    snprintf(list->entity, sizeof list->entity, "%s", rejection->entity);
    snprintf(list->reason, sizeof list->reason, "%s", rejection->reason);
    return ROVE_OK;
}

static rejection_list rejections(void) {
    rejection_list list = {0};

    phone_ok(&p, rove_rejections(p.replica, take_rejection, &list, &p.error));
    return list;
}

static void be_refused(void) {
    rove_sync_report report;

    refused_id = phone_account(&p, "wrong");
    p.compose = refuses_one;
    phone_ok(&p, sync_now(&report));
    assert_int_equal(report.rejected, 1);
    assert_int_equal(phone_state(&p).rejections, 1);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 0);
}

static void test_a_refused_write_is_kept_with_its_reason(void **state) {
    (void)state;
    be_refused();
    rejection_list list = rejections();
    assert_int_equal(list.count, 1);
    assert_int_equal(list.id, refused_id);
    assert_int_equal(list.status, ROVE_RANGE);
    assert_string_equal(list.entity, "Account");
    assert_string_equal(list.reason, "The name is not on the list.");
    assert_true(list.at_ms >= PHONE_NOW_MS);
}

static rove_status take_name(void *ctx, const rove_refused_field *field) {
    if (strcmp(field->name, "name") == 0) {
        assert_memory_equal(field->value.as.data, "wrong", 5);
        ++*(int *)ctx;
    }
    return ROVE_OK;
}

static void test_a_refused_write_shows_what_was_written(void **state) {
    int names = 0;
    (void)state;

    be_refused();
    phone_ok(&p, rove_rejection_read(p.replica, rejections().number, take_name, &names, &p.error));
    assert_int_equal(names, 1);
}

static void test_a_refused_write_can_be_put_right(void **state) {
    rove_field fix[] = {{"name", rove_text("right")}};
    rove_field bad[] = {{"colour", rove_text("red")}};
    (void)state;

    be_refused();
    int64_t number = rejections().number;
    phone_is(&p, rove_rejection_retry(p.replica, number + 1, fix, 1, &p.error), ROVE_NOT_FOUND);
    phone_is(&p, rove_rejection_retry(p.replica, number, bad, 1, &p.error), ROVE_UNKNOWN_FIELD);
    phone_ok(&p, rove_rejection_retry(p.replica, number, fix, 1, &p.error));
    assert_int_equal(rejections().count, 0);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'right'"), 1);
    assert_int_equal(phone_state(&p).pending, 1);
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(phone_state(&p).pending, 0);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'right'"), 1);
}

static void test_a_refused_write_can_be_tried_again_as_it_was(void **state) {
    (void)state;
    be_refused();
    phone_ok(&p, rove_rejection_retry(p.replica, rejections().number, NULL, 0, &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'wrong'"), 1);
}

static void test_a_refused_write_can_be_given_up(void **state) {
    (void)state;
    be_refused();
    int64_t number = rejections().number;
    phone_ok(&p, rove_rejection_discard(p.replica, number, &p.error));
    assert_int_equal(rejections().count, 0);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM _discarded"), 1);
    phone_is(&p, rove_rejection_discard(p.replica, number, &p.error), ROVE_NOT_FOUND);
}

/* ---- rows by hand ---- */

typedef struct hand {
    phone *p;
    rove__batch_writer *rows;
    rove__frame_writer *writer;
    rove__buf *answer;
} hand;

static rove__change change_of(hand *h, rove__op op, const char *entity, rove_id id) {
    static uint16_t tick;
    rove__change change = {.op = op};
    rove__version version = {rove__stamp_make(PHONE_NOW_MS - 5000, ++tick), 1};

    assert_int_equal(rove__row_init(&change.row, rove__registry_by_name(h->p->registry, entity), id,
                                    &h->p->arena),
                     ROVE_OK);
    rove__clock_init(&change.clock, version, version, 0);
    return change;
}

static void set(rove__change *change, const char *field, rove_value value) {
    int ordinal = rove__entity_field_named(change->row.entity, field);

    assert_true(ordinal >= 0);
    rove__row_set(&change->row, (size_t)ordinal, value);
}

static void add(hand *h, const rove__change *change) {
    assert_int_equal(rove__batch_add(h->rows, change), ROVE_OK);
}

static void begin_hand(hand *h, phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    *h = (hand){.p = ph, .writer = writer, .answer = answer};
    assert_int_equal(rove__batch_writer_new(&ph->own, ROVE_BATCH_MAX, &h->rows), ROVE_OK);
    phone_welcome(ph, writer, answer);
}

static void end_hand(hand *h) {
    rove__buf bytes;

    rove__buf_init(&bytes, &h->p->own, ROVE_FRAME_MAX);
    assert_int_equal(rove__batch_finish(h->rows, &bytes), ROVE_OK);
    rove__page page = {.rows = {bytes.data, bytes.size},
                       .cursor = {PHONE_TIMELINE, 2 * PHONE_SEQ + ++h->p->seq}};
    PHONE_MESSAGE(h->p, h->writer, h->answer, ROVE_FRAME_PAGE, page, &page);
    phone_end(h->p, h->writer, h->answer, 0);
    rove__batch_writer_free(h->rows);
    rove__buf_free(&bytes);
    h->p->compose = NULL;
}

/* ---- work in review ---- */

#define RETURNED (rove__id_make(1, 800))

static int review_state = ROVE__REVIEW__STATE__RETURNED;

/* A record of another's by now, and what became of the rep's own change of it. */
static void sends_a_review(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__batch_writer *batch = NULL;
    rove__buf work;
    rove__edit edit = {.raw = rove__stamp_make(PHONE_NOW_MS, 9)};
    hand h;

    begin_hand(&h, ph, writer, answer);
    rove__change account = change_of(&h, ROVE_OP_WHOLE, "Account", rove__id_make(1, 601));
    set(&account, "name", rove__value_text("Ajax"));
    add(&h, &account);
    rove__change update = change_of(&h, ROVE_OP_UPDATE, "Account", rove__id_make(1, 601));
    update.clock = account.clock;
    set(&update, "phone", rove__value_text("mine"));
    size_t ordinal = (size_t)rove__entity_field_named(update.row.entity, "phone");
    edit.field = update.row.entity->fields[ordinal].number;
    update.edits = &edit;
    update.edit_count = 1;
    update.replica = PHONE_NUMBER;
    rove__buf_init(&work, &ph->own, 10000);
    assert_int_equal(rove__batch_writer_new(&ph->own, ROVE_BATCH_MAX, &batch), ROVE_OK);
    assert_int_equal(rove__batch_add(batch, &update), ROVE_OK);
    assert_int_equal(rove__batch_finish(batch, &work), ROVE_OK);
    rove__batch_writer_free(batch);
    rove__change review = change_of(&h, ROVE_OP_WHOLE, "Review", RETURNED);
    set(&review, "user_id", rove__value_int(PHONE_USER));
    set(&review, "record_entity", rove__value_int(update.row.entity->number));
    set(&review, "record_id", rove__value_int(update.row.id));
    set(&review, "what", rove__value_int(ROVE__REVIEW__WHAT__UPDATE));
    set(&review, "reason", rove__value_text("Its author did not hold the record."));
    set(&review, "state", rove__value_int(review_state));
    set(&review, "decided_at", rove__value_int(PHONE_NOW_MS));
    if (review_state == ROVE__REVIEW__STATE__RETURNED) {
        set(&review, "decided_by", rove__value_text("eva"));
        set(&review, "note", rove__value_text("Ask Ben."));
        set(&review, "change", rove__value_bytes(ROVE_BLOB, work.data, work.size));
    }
    add(&h, &review);
    end_hand(&h);
    rove__buf_free(&work);
}

static void have_a_review(int state) {
    review_state = state;
    p.compose = sends_a_review;
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(phone_state(&p).quarantined, 0);
}

static rove_status take_reviews(void *ctx, const rove_review *review) {
    char *state = ctx;

    assert_int_equal(review->number, RETURNED);
    assert_string_equal(review->entity, "Account");
    assert_string_equal(review->what, "UPDATE");
    snprintf(state, 16, "%s", review->state);
    return ROVE_OK;
}

static void is_in_state(const char *expected) {
    char state[16] = "";

    phone_ok(&p, rove_reviews(p.replica, take_reviews, state, &p.error));
    assert_string_equal(state, expected);
}

static rove_status take_refused(void *ctx, const rove_refused_field *field) {
    assert_string_equal(field->name, "phone");
    assert_memory_equal(field->value.as.data, "mine", 4);
    ++*(int *)ctx;
    return ROVE_OK;
}

static void test_work_that_waits_is_seen_and_left_alone(void **state) {
    int fields = 0;
    (void)state;

    have_a_review(ROVE__REVIEW__STATE__WAITING);
    assert_int_equal(phone_state(&p).in_review, 1);
    assert_int_equal(phone_state(&p).rejections, 0);
    is_in_state("WAITING");
    phone_ok(&p, rove_rejection_read(p.replica, RETURNED, take_refused, &fields, &p.error));
    assert_int_equal(fields, 0);
    phone_is(&p, rove_rejection_retry(p.replica, RETURNED, NULL, 0, &p.error), ROVE_NOT_FOUND);
    phone_is(&p, rove_rejection_discard(p.replica, RETURNED, &p.error), ROVE_NOT_FOUND);
    is_in_state("WAITING");
}

static void test_returned_work_is_among_the_refused(void **state) {
    rove_field fix[] = {{"phone", rove_text("put right")}};
    int fields = 0;
    (void)state;

    have_a_review(ROVE__REVIEW__STATE__RETURNED);
    assert_int_equal(phone_state(&p).in_review, 0);
    assert_int_equal(phone_state(&p).rejections, 1);
    rejection_list list = rejections();
    assert_int_equal(list.count, 1);
    assert_int_equal(list.number, RETURNED);
    assert_int_equal(list.status, ROVE_DENIED);
    assert_string_equal(list.reason, "eva returned it: Ask Ben.");
    phone_ok(&p, rove_rejection_read(p.replica, RETURNED, take_refused, &fields, &p.error));
    assert_int_equal(fields, 1);
    phone_is(&p, rove_rejection_read(p.replica, RETURNED + 1, take_refused, &fields, &p.error),
             ROVE_NOT_FOUND);
    phone_ok(&p, rove_rejection_retry(p.replica, RETURNED, fix, 1, &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE phone = 'put right'"), 1);
    assert_int_equal(rejections().count, 0);
    assert_int_equal(phone_state(&p).pending, 2); /* the work, and what was done about it */
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM review WHERE change IS NULL"), 1);
    is_in_state("RETRIED");
}

static void test_returned_work_can_be_given_up(void **state) {
    (void)state;
    have_a_review(ROVE__REVIEW__STATE__RETURNED);
    phone_ok(&p, rove_rejection_discard(p.replica, RETURNED, &p.error));
    assert_int_equal(rejections().count, 0);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM _discarded"), 1);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE phone IS NULL"), 1);
    is_in_state("DISCARDED");
    phone_is(&p, rove_rejection_discard(p.replica, RETURNED, &p.error), ROVE_NOT_FOUND);
}

/* ---- quarantine ---- */

static void sends_what_cannot_be_applied(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    hand h;

    begin_hand(&h, ph, writer, answer);
    rove__change part = change_of(&h, ROVE_OP_PART, "Account", rove__id_make(1, 500));
    set(&part, "phone", rove__value_text("123"));
    add(&h, &part);
    rove__change whole = change_of(&h, ROVE_OP_WHOLE, "Account", rove__id_make(1, 501));
    set(&whole, "name", rove__value_text("fine"));
    add(&h, &whole);
    rove__change unknown = change_of(&h, ROVE_OP_WHOLE, "Account", rove__id_make(1, 502));
    unknown.row = (rove__row){.entity_number = 60000, .id = rove__id_make(1, 502)};
    add(&h, &unknown);
    end_hand(&h);
}

typedef struct quarantine_list {
    size_t count;
    size_t unknown;
    rove_id id;
    rove_status status;
} quarantine_list;

static rove_status take_quarantined(void *ctx, const rove_quarantined *row) {
    quarantine_list *list = ctx;

    list->count++;
    assert_true(row->reason[0] != '\0');
    if (strcmp(row->entity, "?") == 0) {
        list->unknown++;
        assert_int_equal(row->status, ROVE_UNKNOWN_ENTITY);
    } else {
        list->id = row->id;
        list->status = row->status;
    }
    return ROVE_OK;
}

static void test_what_cannot_be_applied_is_set_aside_with_its_reason(void **state) {
    quarantine_list list = {0};
    uint64_t left = 0;
    (void)state;

    p.compose = sends_what_cannot_be_applied;
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE name = 'fine'"), 1);
    assert_int_equal(phone_state(&p).quarantined, 2);
    phone_ok(&p, rove_quarantine(p.replica, take_quarantined, &list, &p.error));
    assert_int_equal(list.count, 2);
    assert_int_equal(list.unknown, 1);
    assert_int_equal(list.id, rove__id_make(1, 500));
    assert_int_equal(list.status, ROVE_NOT_FOUND);
    phone_ok(&p, rove_quarantine_retry(p.replica, &left, &p.error));
    assert_int_equal(left, 1);
    phone_is(&p, rove_quarantine(NULL, take_quarantined, &list, &p.error), ROVE_INVALID);
}

/* ---- conflicts ---- */

#define RECORD   (rove__id_make(1, 600))
#define CONFLICT (rove__id_make(1, 700))

static int conflict_kind = ROVE__CONFLICT__KIND__REGISTER_WRITE;

static void put_value(rove__buf *bytes, const char *text) {
    rove_value value = rove__value_text(text);

    rove__value_write(bytes, &value);
}

static void sends_a_conflict(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    rove__buf kept;
    rove__buf lost;
    hand h;

    rove__buf_init(&kept, &ph->own, 100);
    rove__buf_init(&lost, &ph->own, 100);
    put_value(&kept, "theirs");
    put_value(&lost, "mine");
    begin_hand(&h, ph, writer, answer);
    rove__change account = change_of(&h, ROVE_OP_WHOLE, "Account", RECORD);
    set(&account, "name", rove__value_text("Ajax"));
    set(&account, "phone", rove__value_text("theirs"));
    add(&h, &account);
    rove__change c = change_of(&h, ROVE_OP_WHOLE, "Conflict", CONFLICT);
    const rove__entity *entity = account.row.entity;
    set(&c, "about_id", rove__value_int(RECORD));
    set(&c, "record_entity", rove__value_int(entity->number));
    set(&c, "record_id", rove__value_int(RECORD));
    set(&c, "kind", rove__value_int(conflict_kind));
    if (conflict_kind == ROVE__CONFLICT__KIND__REGISTER_WRITE) {
        size_t ordinal = (size_t)rove__entity_field_named(entity, "phone");
        set(&c, "field_number", rove__value_int(entity->fields[ordinal].number));
        set(&c, "kept_value", rove__value_bytes(ROVE_BLOB, kept.data, kept.size));
        set(&c, "lost_value", rove__value_bytes(ROVE_BLOB, lost.data, lost.size));
    }
    set(&c, "kept_stamp", rove__value_int((int64_t)rove__stamp_make(PHONE_NOW_MS, 3)));
    set(&c, "lost_stamp", rove__value_int((int64_t)rove__stamp_make(PHONE_NOW_MS - 1000, 3)));
    set(&c, "kept_raw_at", rove__value_int(PHONE_NOW_MS + 7));
    set(&c, "lost_raw_at", rove__value_int(PHONE_NOW_MS + 8));
    set(&c, "kept_user_id", rove__value_int(4));
    set(&c, "lost_user_id", rove__value_int(PHONE_USER));
    set(&c, "kept_replica", rove__value_int(41));
    set(&c, "lost_replica", rove__value_int(42));
    set(&c, "status", rove__value_int(ROVE__CONFLICT__STATUS__OPEN));
    add(&h, &c);
    end_hand(&h);
    rove__buf_free(&kept);
    rove__buf_free(&lost);
}

static rove_status take_conflict(void *ctx, const rove_conflict *conflict) {
    int *open = ctx;

    assert_int_equal(conflict->number, CONFLICT);
    assert_string_equal(conflict->entity, "Account");
    assert_int_equal(conflict->id, RECORD);
    assert_int_equal(conflict->kept_at_ms, PHONE_NOW_MS);
    assert_int_equal(conflict->lost_at_ms, PHONE_NOW_MS - 1000);
    assert_int_equal(conflict->kept_raw_at_ms, PHONE_NOW_MS + 7);
    assert_int_equal(conflict->lost_raw_at_ms, PHONE_NOW_MS + 8);
    assert_int_equal(conflict->kept_user, 4);
    assert_int_equal(conflict->lost_user, PHONE_USER);
    assert_int_equal(conflict->kept_replica, 41);
    assert_int_equal(conflict->lost_replica, 42);
    if (strcmp(conflict->kind, "REGISTER_WRITE") == 0) {
        assert_string_equal(conflict->field, "phone");
        assert_int_equal(conflict->kept.type, ROVE_TEXT);
        assert_memory_equal(conflict->kept.as.data, "theirs", 6);
        assert_memory_equal(conflict->lost.as.data, "mine", 4);
    } else {
        assert_string_equal(conflict->field, "");
        assert_int_equal(conflict->lost.type, ROVE_NULL);
    }
    *open += conflict->open ? 1 : 100;
    return ROVE_OK;
}

static void have_a_conflict(void) {
    int open = 0;

    p.compose = sends_a_conflict;
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(phone_state(&p).quarantined, 0);
    assert_int_equal(phone_state(&p).conflicts, 1);
    phone_ok(&p, rove_conflicts(p.replica, NULL, take_conflict, &open, &p.error));
    assert_int_equal(open, 1);
}

static void assert_settled(int status) {
    int open = 0;

    assert_int_equal(phone_number(&p, "SELECT status FROM conflict"), status);
    assert_int_equal(phone_state(&p).conflicts, 0);
    phone_ok(&p, rove_conflicts(p.replica, NULL, take_conflict, &open, &p.error));
    assert_int_equal(open, 100);
    assert_int_equal(phone_number(&p, "SELECT resolved_at FROM conflict"), rove_now_ms(p.replica));
    assert_int_equal(phone_number(&p, "SELECT resolver_id FROM conflict"), PHONE_USER);
    phone_is(&p, rove_conflict_settle(p.replica, CONFLICT, 0, &p.error), ROVE_STATE);
}

static void test_the_losing_value_can_be_written_again(void **state) {
    (void)state;
    conflict_kind = ROVE__CONFLICT__KIND__REGISTER_WRITE;
    have_a_conflict();
    phone_ok(&p, rove_conflict_settle(p.replica, CONFLICT, 1, &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE phone = 'mine'"), 1);
    assert_int_equal(phone_state(&p).pending, 2);
    assert_settled(ROVE__CONFLICT__STATUS__RESOLVED);
}

static void test_what_stands_can_be_kept(void **state) {
    (void)state;
    conflict_kind = ROVE__CONFLICT__KIND__REGISTER_WRITE;
    have_a_conflict();
    phone_is(&p, rove_conflict_settle(p.replica, CONFLICT + 1, 0, &p.error), ROVE_NOT_FOUND);
    phone_ok(&p, rove_conflict_settle(p.replica, CONFLICT, 0, &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE phone = 'theirs'"), 1);
    assert_int_equal(phone_state(&p).pending, 1);
    assert_settled(ROVE__CONFLICT__STATUS__DISMISSED);
}

static void test_a_delete_that_was_taken_back_can_be_made_again(void **state) {
    (void)state;
    conflict_kind = ROVE__CONFLICT__KIND__DELETION;
    have_a_conflict();
    phone_ok(&p, rove_conflict_settle(p.replica, CONFLICT, 1, &p.error));
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account"), 0);
    assert_settled(ROVE__CONFLICT__STATUS__RESOLVED);
}

static void test_a_merge_that_could_not_be_is_not_restored(void **state) {
    (void)state;
    conflict_kind = ROVE__CONFLICT__KIND__SECOND_REDIRECT;
    have_a_conflict();
    phone_is(&p, rove_conflict_settle(p.replica, CONFLICT, 1, &p.error), ROVE_STATE);
    assert_non_null(strstr(p.error.message, "Undo that merge first"));
}

static void test_what_cannot_be_restored_is_left_alone(void **state) {
    (void)state;
    conflict_kind = ROVE__CONFLICT__KIND__SECOND_SEAL;
    have_a_conflict();
    phone_is(&p, rove_conflict_settle(p.replica, CONFLICT, 1, &p.error), ROVE_STATE);
    assert_int_equal(phone_state(&p).conflicts, 1);
    phone_ok(&p, rove_conflict_settle(p.replica, CONFLICT, 0, &p.error));
    assert_settled(ROVE__CONFLICT__STATUS__DISMISSED);
}

/* ---- many of them ---- */

#define MANY 250

/* Every other one about a contact, every fifth settled, every tenth with a side of user 7. */
static void sends_many_conflicts(phone *ph, rove__frame_writer *writer, rove__buf *answer) {
    hand h;

    begin_hand(&h, ph, writer, answer);
    for (uint32_t i = 0; i < MANY; i++) {
        rove__change c = change_of(&h, ROVE_OP_WHOLE, "Conflict", rove__id_make(1, 1000 + i));
        set(&c, "record_entity", rove__value_int(i % 2 == 0 ? 6 : 7));
        set(&c, "record_id", rove__value_int(RECORD));
        set(&c, "kind", rove__value_int(ROVE__CONFLICT__KIND__REGISTER_WRITE));
        set(&c, "kept_user_id", rove__value_int(i % 20 == 0 ? 7 : 4));
        set(&c, "lost_user_id", rove__value_int(i % 20 == 10 ? 7 : 4));
        set(&c, "status",
            rove__value_int(i % 5 == 0 ? ROVE__CONFLICT__STATUS__DISMISSED
                                       : ROVE__CONFLICT__STATUS__OPEN));
        add(&h, &c);
    }
    end_hand(&h);
}

typedef struct numbers {
    size_t count;
    rove_id first, last;
} numbers;

static rove_status take_number(void *ctx, const rove_conflict *conflict) {
    numbers *n = ctx;

    assert_true(conflict->number > n->last);
    n->first = n->count++ == 0 ? conflict->number : n->first;
    n->last = conflict->number;
    return ROVE_OK;
}

static numbers page(rove_conflict_filter filter) {
    numbers n = {0, 0, 0};

    filter.size = sizeof filter;
    phone_ok(&p, rove_conflicts(p.replica, &filter, take_number, &n, &p.error));
    return n;
}

static void test_conflicts_come_by_the_page_and_by_what_is_asked_for(void **state) {
    rove_conflict_filter nobody = {.size = sizeof nobody, .entity = "Nobody"};
    numbers n = {0, 0, 0};
    size_t seen = 0;
    (void)state;

    p.compose = sends_many_conflicts;
    phone_ok(&p, sync_now(NULL));
    assert_int_equal(page((rove_conflict_filter){0}).count, MANY);
    assert_int_equal(page((rove_conflict_filter){.open = 1}).count, MANY * 4 / 5);
    assert_int_equal(page((rove_conflict_filter){.entity = "Contact"}).count, MANY / 2);
    assert_int_equal(page((rove_conflict_filter){.user = 7}).count, MANY / 10);
    assert_int_equal(page((rove_conflict_filter){.user = 7, .open = 1}).count, 0);
    assert_int_equal(page((rove_conflict_filter){.number = rove__id_make(1, 1003)}).count, 1);
    do {
        n = page((rove_conflict_filter){.open = 1, .after = n.last, .limit = 30});
        seen += n.count;
    } while (n.count == 30);
    assert_int_equal(seen, MANY * 4 / 5);
    phone_is(&p, rove_conflicts(p.replica, &nobody, take_number, &n, &p.error),
             ROVE_UNKNOWN_ENTITY);
    nobody.size = 0;
    phone_is(&p, rove_conflicts(p.replica, &nobody, take_number, &n, &p.error), ROVE_INVALID);
}

static void test_settling_may_be_part_of_a_transaction(void **state) {
    (void)state;
    conflict_kind = ROVE__CONFLICT__KIND__REGISTER_WRITE;
    have_a_conflict();
    phone_ok(&p, rove_begin(p.replica, &p.error));
    rename_account(RECORD, "renamed");
    phone_ok(&p, rove_conflict_settle(p.replica, CONFLICT, 1, &p.error));
    rove_rollback(p.replica);
    assert_int_equal(phone_state(&p).conflicts, 1);
    assert_int_equal(phone_number(&p, "SELECT count(*) FROM account WHERE phone = 'theirs'"), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_pending_work_is_listed_newest_first),
        TEST(test_a_visitor_may_have_seen_enough),
        TEST(test_a_refused_write_is_kept_with_its_reason),
        TEST(test_a_refused_write_shows_what_was_written),
        TEST(test_a_refused_write_can_be_put_right),
        TEST(test_a_refused_write_can_be_tried_again_as_it_was),
        TEST(test_a_refused_write_can_be_given_up),
        TEST(test_work_that_waits_is_seen_and_left_alone),
        TEST(test_returned_work_is_among_the_refused),
        TEST(test_returned_work_can_be_given_up),
        TEST(test_what_cannot_be_applied_is_set_aside_with_its_reason),
        TEST(test_the_losing_value_can_be_written_again),
        TEST(test_what_stands_can_be_kept),
        TEST(test_a_delete_that_was_taken_back_can_be_made_again),
        TEST(test_a_merge_that_could_not_be_is_not_restored),
        TEST(test_what_cannot_be_restored_is_left_alone),
        TEST(test_conflicts_come_by_the_page_and_by_what_is_asked_for),
        TEST(test_settling_may_be_part_of_a_transaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
