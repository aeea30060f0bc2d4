/*
 * test_hq_wake.c - whom news wakes: waits on a real headquarters, without HTTP. Who was not woken is found when everything
 * stops: that ends his wait with "nothing". Waits are static, for they may last until a test is torn down.
 */
#include "headquarters.h"

#include <pthread.h>

#include "base/text.h"
#include "wake.h"

#define HOUR_MS 3600000
#define PHONE   1001u
#define TABLET  1002u
#define OTHER   2001u
#define MANY    300

typedef struct waiting {
    wake_waiter waiter;
    struct world *world;
    int waits;
    int resumed;
} waiting;

typedef struct world {
    headquarters h;
    wake *wake;
    rove_id jo, kim;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    rove__arena arena;
} world;

/* ---- acts ----------------------------------------------------------------------------------------------- */

/* What a job does, in the name of a device if `replica` is not 0. */
typedef struct act {
    world *world;
    void (*run)(struct act *self, rove__writer *writer);
    rove_replica replica;
    rove_id id, a, b;
    int undo;
} act;

static rove_status run_act(void *ctx, rove__hq_tx *tx, rove_error *error) {
    act *self = ctx;
    world *w = self->world;
    rove__writer *writer = NULL;
    uint64_t seq = 0;
    rove__writer_options options = {.allocator = &w->h.ports.allocator,
                                    .registry = hq_registry(w->h.hq),
                                    .store = &hq_database(w->h.hq)->store,
                                    .random = &w->h.ports.random,
                                    .now_ms = hq_now_ms(w->h.hq),
                                    .replica = self->replica,
                                    .operator_name = self->replica == 0 ? "tester" : "",
                                    .act = "test",
                                    .news = wake_news(w->wake)};
    assert_int_equal(rove__writer_begin(&options, tx, &writer, error), ROVE_OK);
    self->run(self, writer);
    assert_int_equal(rove__writer_finish(writer, &seq, error), ROVE_OK);
    return self->undo ? ROVE_STATE : ROVE_OK;
}

static void commit(act *self) {
    rove_status expected = self->undo ? ROVE_STATE : ROVE_OK;
    assert_int_equal(hq_commit(self->world->h.hq, run_act, self, NULL), expected);
    rove__arena_reset(&self->world->arena);
}

static rove__row *new_row(act *self, const char *entity, rove_id id) {
    world *w = self->world;
    rove__row *row = rove__arena_take(&w->arena, sizeof *row);
    assert_non_null(row);
    assert_int_equal(
        rove__row_init(row, rove__registry_by_name(hq_registry(w->h.hq), entity), id, &w->arena),
        ROVE_OK);
    return row;
}

static void set(rove__row *row, const char *field, rove_value value) {
    rove__row_set(row, (size_t)rove__entity_field_named(row->entity, field), value);
}

static void insert_account(act *self, rove__writer *writer) {
    rove__row *row = new_row(self, "Account", 0);
    set(row, "name", rove__value_text("Shop"));
    assert_int_equal(rove__writer_insert(writer, row, NULL), ROVE_OK);
    self->id = row->id;
}

static void insert_contact(act *self, rove__writer *writer) {
    rove__row *row = new_row(self, "Contact", 0);
    set(row, "last_name", rove__value_text("Iris"));
    assert_int_equal(rove__writer_insert(writer, row, NULL), ROVE_OK);
    self->id = row->id;
}

/* Contact b works at account a. */
static void insert_role(act *self, rove__writer *writer) {
    rove__row *row = new_row(self, "AccountContactRole", 0);
    set(row, "account_id", rove__value_int(self->a));
    set(row, "contact_id", rove__value_int(self->b));
    assert_int_equal(rove__writer_insert(writer, row, NULL), ROVE_OK);
}

static void update(act *self, rove__writer *writer, const char *entity, const char *field,
                   rove_value value) {
    rove__row *row = new_row(self, entity, self->id);
    size_t changed = 0;
    set(row, field, value);
    assert_int_equal(rove__writer_update(writer, row, &changed, NULL), ROVE_OK);
    assert_int_equal(changed, 1);
}

/* A value that the field does not have yet. */
static rove_value fresh(act *self, rove__writer *writer) {
    char text[32];
    rove__text_format(text, sizeof text, "%llu", (unsigned long long)rove__writer_seq(writer));
    char *kept = rove__arena_copy(&self->world->arena, text, strlen(text) + 1);
    assert_non_null(kept);
    return rove__value_text(kept);
}

static void edit_account(act *self, rove__writer *writer) {
    update(self, writer, "Account", "phone", fresh(self, writer));
}

static void edit_contact(act *self, rove__writer *writer) {
    update(self, writer, "Contact", "title", fresh(self, writer));
}

static void edit_organisation(act *self, rove__writer *writer) {
    rove__row *row = new_row(self, "Territory", 0);
    set(row, "name", fresh(self, writer));
    assert_int_equal(rove__writer_insert(writer, row, NULL), ROVE_OK);
}

static void insert_task(act *self, rove__writer *writer) {
    rove__row *row = new_row(self, "Task", 0);
    set(row, "about_id", rove__value_int(self->a));
    set(row, "subject", rove__value_text("call back"));
    assert_int_equal(rove__writer_insert(writer, row, NULL), ROVE_OK);
}

/* User a gets, or loses, root b. */
static void grant(act *self, rove__writer *writer) {
    assert_int_equal(rove__writer_grant(writer, self->a, self->b, 0, NULL), ROVE_OK);
}

static void take_away(act *self, rove__writer *writer) {
    assert_int_equal(rove__writer_revoke_grant(writer, self->a, self->b, NULL), ROVE_OK);
}

#define ACT(w, what, ...) commit(&(act){.world = (w), .run = (what), __VA_ARGS__})

static rove_id made(world *w, void (*run)(act *, rove__writer *)) {
    act self = {.world = w, .run = run};
    commit(&self);
    return self.id;
}

/* An account that a user holds. */
static rove_id account_of(world *w, rove_id user) {
    rove_id account = made(w, insert_account);
    ACT(w, grant, .a = user, .b = account);
    return account;
}

/* ---- waits ---------------------------------------------------------------------------------------------- */

static void resumed(void *ctx) {
    waiting *self = ctx;
    world *w = self->world;
    (void)pthread_mutex_lock(&w->mutex);
    self->resumed++;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->mutex);
}

static rove_status read_head(void *ctx, rove__hq_tx *tx, rove_error *error) {
    void **args = ctx;
    (void)error;
    return hq_database(((world *)args[0])->h.hq)->store.head_get(tx, args[1]);
}

static rove__cursor here(world *w) {
    rove__hq_head head;
    void *args[] = {w, &head};
    assert_int_equal(hq_read(w->h.hq, read_head, args, NULL), ROVE_OK);
    return (rove__cursor){head.timeline, head.seq};
}

static void wait_at(world *w, waiting *self, rove_id user, rove_replica replica,
                    rove__cursor cursor) {
    *self = (waiting){.world = w};
    self->waiter = (wake_waiter){.user = user,
                                 .replica = replica,
                                 .cursor = cursor,
                                 .asked = wake_asked(w->wake),
                                 .resume = resumed,
                                 .ctx = self};
    self->waits = wake_wait(w->wake, &self->waiter);
}

static void begin_wait(world *w, waiting *self, rove_id user, rove_replica replica) {
    wait_at(w, self, user, replica, here(w));
}

/* Blocks until it is resumed. */
static wake_answer answer_of(waiting *self) {
    world *w = self->world;
    assert_true(self->waits);
    (void)pthread_mutex_lock(&w->mutex);
    while (self->resumed == 0) {
        (void)pthread_cond_wait(&w->changed, &w->mutex);
    }
    assert_int_equal(self->resumed, 1);
    (void)pthread_mutex_unlock(&w->mutex);
    return self->waiter.answer;
}

static void start(world *w, const wake_options *options) {
    rove_error error = {0};
    if (wake_start(w->wake, options, &error) != ROVE_OK) {
        fail_msg("wake_start: %s", error.message);
    }
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    headquarters_start(&w->h);
    (void)pthread_mutex_init(&w->mutex, NULL);
    (void)pthread_cond_init(&w->changed, NULL);
    rove__arena_init(&w->arena, &w->h.ports.allocator, 1 << 20);
    w->wake = hq_get_wake(w->h.hq);
    w->jo = headquarters_user_put(&w->h, 0, "jo", 1);
    w->kim = headquarters_user_put(&w->h, 0, "kim", 1);
    start(w, &(wake_options){.wait_ms = HOUR_MS, .most = 2 * MANY, .most_per_address = 2 * MANY});
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    wake_stop(w->wake);
    rove__arena_free(&w->arena);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->mutex);
    headquarters_end(&w->h);
    free(w);
    return 0;
}

/* Jo's device is woken by what `run` does, Kim's is not. */
static void wakes_jo_alone(world *w, act *self) {
    static waiting jo;
    static waiting kim;
    begin_wait(w, &jo, w->jo, PHONE);
    begin_wait(w, &kim, w->kim, OTHER);
    assert_true(jo.waits && kim.waits);
    self->world = w;
    commit(self);
    assert_int_equal(answer_of(&jo), WAKE_CHANGED);
    wake_stop(w->wake);
    assert_int_equal(answer_of(&kim), WAKE_NOTHING);
}

/* ---- whom it concerns ----------------------------------------------------------------------------------- */

static void test_a_row_wakes_who_holds_it(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->jo);
    (void)account_of(w, w->kim);
    wakes_jo_alone(w, &(act){.run = edit_account, .id = account});
}

static void test_what_is_about_a_user_wakes_him(void **state) {
    world *w = *state;
    wakes_jo_alone(w, &(act){.run = insert_task, .a = w->jo});
}

static void test_a_contact_wakes_who_holds_its_account(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->jo);
    rove_id contact = made(w, insert_contact);
    ACT(w, insert_role, .a = account, .b = contact);
    wakes_jo_alone(w, &(act){.run = edit_contact, .id = contact});
}

static void test_a_contact_that_comes_with_a_role(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->jo);
    rove_id contact = made(w, insert_contact);
    wakes_jo_alone(w, &(act){.run = insert_role, .a = account, .b = contact});
}

static void test_a_grant_wakes_its_user(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->kim);
    wakes_jo_alone(w, &(act){.run = grant, .a = w->jo, .b = account});
}

static void test_the_end_of_a_grant_wakes_its_user(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->jo);
    ACT(w, grant, .a = w->kim, .b = account);
    wakes_jo_alone(w, &(act){.run = take_away, .a = w->jo, .b = account});
}

static void test_the_organisation_concerns_everybody(void **state) {
    world *w = *state;
    static waiting jo;
    static waiting kim;
    begin_wait(w, &jo, w->jo, PHONE);
    begin_wait(w, &kim, w->kim, OTHER);
    ACT(w, edit_organisation);
    assert_int_equal(answer_of(&jo), WAKE_CHANGED);
    assert_int_equal(answer_of(&kim), WAKE_CHANGED);
}

/* P14: what a device made itself is no news to it, but to the other devices of its user. */
static void test_a_push_wakes_the_other_devices(void **state) {
    world *w = *state;
    size_t left = 0;
    uint64_t woken = 0;
    rove_id account = account_of(w, w->jo);
    static waiting phone;
    static waiting tablet;
    begin_wait(w, &phone, w->jo, PHONE);
    begin_wait(w, &tablet, w->jo, TABLET);
    ACT(w, edit_account, .id = account, .replica = PHONE);
    assert_int_equal(answer_of(&tablet), WAKE_CHANGED);
    wake_count(w->wake, &left, &woken);
    assert_int_equal(left, 1);
    /* Nor does it hide what somebody else does. */
    begin_wait(w, &tablet, w->jo, TABLET);
    ACT(w, edit_account, .id = account, .replica = TABLET);
    assert_int_equal(answer_of(&phone), WAKE_CHANGED);
    wake_stop(w->wake);
    assert_int_equal(answer_of(&tablet), WAKE_NOTHING);
}

/* Kim's account is edited, and Jo's in a transaction that was undone. */
static void edit_and_undo(act *self, rove__writer *writer) {
    const rove__news *news = wake_news(self->world->wake);
    rove__touch undone = {.seq = rove__writer_seq(writer) + 1, .root = self->a};
    news->touched(news->ctx, &undone);
    edit_account(self, writer);
}

/* A hint may be wrong; it must not be so again and again. */
static void test_what_was_undone_is_no_lasting_news(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->jo);
    rove_id foreign = account_of(w, w->kim);
    static waiting jo;
    static waiting kim;
    begin_wait(w, &jo, w->jo, PHONE);
    begin_wait(w, &kim, w->kim, OTHER);
    ACT(w, edit_and_undo, .id = foreign, .a = account);
    assert_int_equal(answer_of(&kim), WAKE_CHANGED);
    assert_int_equal(answer_of(&jo), WAKE_CHANGED);
    begin_wait(w, &jo, w->jo, PHONE);
    assert_true(jo.waits);
}

static void edit_nothing(act *self, rove__writer *writer) {
    (void)self;
    (void)writer;
}

/* What is undone in a committed group: the committing thread is done with it when the next act is. */
static void test_a_failed_act_wakes_nobody_in_the_end(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->jo);
    static waiting jo;
    ACT(w, edit_account, .id = account, .undo = 1);
    ACT(w, edit_nothing);
    begin_wait(w, &jo, w->jo, PHONE);
    assert_true(jo.waits);
    wake_stop(w->wake);
    assert_int_equal(answer_of(&jo), WAKE_NOTHING);
}

/* More than can be noted: everybody is woken rather than nobody. */
static void touch_too_much(act *self, rove__writer *writer) {
    const rove__news *news = wake_news(self->world->wake);
    for (size_t i = 0; i <= WAKE_NOTES_MAX; i++) {
        rove__touch touch = {.seq = rove__writer_seq(writer),
                             .root = ((rove_id)99 << 32) + (rove_id)i + 1};
        news->touched(news->ctx, &touch);
    }
    rove__writer_touch(writer);
}

static void touch_much(act *self, rove__writer *writer) {
    const rove__news *news = wake_news(self->world->wake);
    for (size_t i = 0; i < WAKE_NOTES_MAX - 1; i++) {
        rove__touch touch = {.seq = rove__writer_seq(writer),
                             .root = ((rove_id)99 << 32) + (rove_id)i + 1};
        news->touched(news->ctx, &touch);
    }
    edit_account(self, writer);
}

static void test_more_than_can_be_noted(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->jo);
    static waiting jo;
    static waiting kim;
    begin_wait(w, &jo, w->jo, PHONE);
    begin_wait(w, &kim, w->kim, OTHER);
    ACT(w, edit_account, .id = account);
    assert_int_equal(answer_of(&jo), WAKE_CHANGED); /* all notes so far were taken */
    begin_wait(w, &jo, w->jo, PHONE);
    ACT(w, touch_much, .id = account);
    assert_int_equal(answer_of(&jo), WAKE_CHANGED);
    begin_wait(w, &jo, w->jo, PHONE);
    assert_true(jo.waits);
    assert_int_equal(kim.resumed, 0);
    ACT(w, touch_too_much);
    assert_int_equal(answer_of(&jo), WAKE_CHANGED);
    assert_int_equal(answer_of(&kim), WAKE_CHANGED);
}

/* ---- when the answer is there already -------------------------------------------------------------------- */

static void test_news_from_before_the_wait(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->jo);
    static waiting jo;
    static waiting kim;
    begin_wait(w, &jo, w->jo, PHONE);
    begin_wait(w, &kim, w->kim, OTHER);
    rove__cursor before = jo.waiter.cursor;
    ACT(w, edit_account, .id = account);
    assert_int_equal(answer_of(&jo), WAKE_CHANGED);
    wait_at(w, &jo, w->jo, PHONE, before);
    assert_false(jo.waits);
    assert_int_equal(jo.waiter.answer, WAKE_CHANGED);
    /* None for the other user, whose cursor lies before it all the same. */
    wait_at(w, &jo, w->kim, TABLET, before);
    assert_true(jo.waits);
}

/* What this process cannot know about: cursors from before it, of other timelines, and users that it sees first. */
static void test_news_that_cannot_be_ruled_out(void **state) {
    world *w = *state;
    static waiting jo;
    rove__cursor before = here(w);
    ACT(w, edit_organisation);
    wake_stop(w->wake);
    start(w, &(wake_options){.wait_ms = HOUR_MS, .most = 9, .most_per_address = 9});
    wait_at(w, &jo, w->jo, PHONE, before);
    assert_false(jo.waits);
    assert_int_equal(jo.waiter.answer, WAKE_CHANGED);
    rove__cursor other = here(w);
    other.timeline++;
    wait_at(w, &jo, w->jo, PHONE, other);
    assert_false(jo.waits);
    assert_int_equal(jo.waiter.answer, WAKE_CHANGED);
    begin_wait(w, &jo, w->jo, PHONE);
    assert_true(jo.waits);
}

/* Both accounts are edited: b's too. */
static void edit_both(act *self, rove__writer *writer) {
    edit_account(self, writer);
    self->id = self->b;
    edit_account(self, writer);
}

static void test_news_of_who_was_not_seen_yet(void **state) {
    world *w = *state;
    rove_id account = account_of(w, w->jo);
    rove_id foreign = account_of(w, w->kim);
    static waiting jo;
    static waiting kim;
    begin_wait(w, &kim, w->kim, OTHER);
    ACT(w, edit_both, .id = foreign, .b = account);
    assert_int_equal(answer_of(&kim), WAKE_CHANGED);
    wait_at(w, &jo, w->jo, PHONE, kim.waiter.cursor);
    assert_false(jo.waits);
    assert_int_equal(jo.waiter.answer, WAKE_CHANGED);
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

static void test_the_time_is_over(void **state) {
    world *w = *state;
    static waiting jo;
    wake_stop(w->wake);
    start(w, &(wake_options){.wait_ms = 1, .most = 9, .most_per_address = 9});
    begin_wait(w, &jo, w->jo, PHONE);
    assert_int_equal(answer_of(&jo), WAKE_NOTHING);
}

static void test_stopping_ends_all_waits(void **state) {
    world *w = *state;
    static waiting all[MANY];
    size_t left = 1;
    uint64_t woken = 1;
    for (size_t i = 0; i < MANY; i++) {
        begin_wait(w, &all[i], w->jo, PHONE + (rove_replica)i);
        assert_true(all[i].waits);
    }
    wake_count(w->wake, &left, &woken);
    assert_int_equal(left, MANY);
    assert_int_equal(woken, 0);
    wake_stop(w->wake);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(all[i].resumed, 1);
        assert_int_equal(all[i].waiter.answer, WAKE_NOTHING);
    }
    wake_count(w->wake, &left, &woken);
    assert_int_equal(left, 0);
    begin_wait(w, &all[0], w->jo, PHONE);
    assert_false(all[0].waits);
    assert_int_equal(all[0].waiter.answer, WAKE_LATER);
}

static void test_one_commit_wakes_many(void **state) {
    world *w = *state;
    static waiting all[MANY];
    size_t left = 1;
    uint64_t woken = 0;
    rove_id account = account_of(w, w->jo);
    for (size_t i = 0; i < MANY; i++) {
        begin_wait(w, &all[i], w->jo, PHONE + (rove_replica)i);
    }
    ACT(w, edit_account, .id = account);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(answer_of(&all[i]), WAKE_CHANGED);
    }
    wake_count(w->wake, &left, &woken);
    assert_int_equal(left, 0);
    assert_int_equal(woken, MANY);
}

static void test_a_device_waits_once(void **state) {
    world *w = *state;
    static waiting first;
    static waiting second;
    begin_wait(w, &first, w->jo, PHONE);
    begin_wait(w, &second, w->jo, PHONE);
    assert_true(second.waits);
    assert_int_equal(answer_of(&first), WAKE_LATER);
    ACT(w, edit_organisation);
    assert_int_equal(answer_of(&second), WAKE_CHANGED);
}

static void test_a_device_that_changed_is_looked_up_again(void **state) {
    world *w = *state;
    static waiting phone;
    static waiting tablet;
    begin_wait(w, &phone, w->jo, PHONE);
    begin_wait(w, &tablet, w->jo, TABLET);
    wake_device(w->wake, w->jo, PHONE);
    assert_int_equal(answer_of(&phone), WAKE_NOTHING);
    /* Between being looked up and waiting. */
    wake_device(w->wake, w->jo, PHONE);
    assert_false(wake_wait(w->wake, &phone.waiter));
    assert_int_equal(phone.waiter.answer, WAKE_NOTHING);
    ACT(w, edit_organisation);
    assert_int_equal(answer_of(&tablet), WAKE_CHANGED);
}

static void test_too_many(void **state) {
    world *w = *state;
    static waiting all[4];
    wake_stop(w->wake);
    start(w, &(wake_options){.wait_ms = HOUR_MS, .most = 3, .most_per_address = 2});
    for (size_t i = 0; i < 3; i++) {
        begin_wait(w, &all[i], w->jo, PHONE + (rove_replica)i);
    }
    assert_true(all[0].waits && all[1].waits);
    assert_false(all[2].waits); /* from one address */
    assert_int_equal(all[2].waiter.answer, WAKE_LATER);
    all[2].waiter.address[0] = 1;
    assert_true(wake_wait(w->wake, &all[2].waiter));
    begin_wait(w, &all[3], w->kim, OTHER);
    all[3].waiter.address[0] = 2;
    assert_false(wake_wait(w->wake, &all[3].waiter)); /* in all */
    assert_int_equal(all[3].waiter.answer, WAKE_LATER);
    /* Who waits already may begin again. */
    static waiting again;
    begin_wait(w, &again, w->jo, PHONE);
    assert_true(again.waits);
    wake_stop(w->wake);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_row_wakes_who_holds_it),
        TEST(test_what_is_about_a_user_wakes_him),
        TEST(test_a_contact_wakes_who_holds_its_account),
        TEST(test_a_contact_that_comes_with_a_role),
        TEST(test_a_grant_wakes_its_user),
        TEST(test_the_end_of_a_grant_wakes_its_user),
        TEST(test_the_organisation_concerns_everybody),
        TEST(test_a_push_wakes_the_other_devices),
        TEST(test_what_was_undone_is_no_lasting_news),
        TEST(test_a_failed_act_wakes_nobody_in_the_end),
        TEST(test_more_than_can_be_noted),
        TEST(test_news_from_before_the_wait),
        TEST(test_news_that_cannot_be_ruled_out),
        TEST(test_news_of_who_was_not_seen_yet),
        TEST(test_the_time_is_over),
        TEST(test_stopping_ends_all_waits),
        TEST(test_one_commit_wakes_many),
        TEST(test_a_device_waits_once),
        TEST(test_a_device_that_changed_is_looked_up_again),
        TEST(test_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
