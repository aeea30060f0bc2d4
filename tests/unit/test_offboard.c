/*
 * test_offboard.c - somebody leaves: all of it in one transaction, or nothing; once more, and nothing is left to do.
 */
#include "headquarters.h"

#include "admin/commands.h"
#include "assign/offboard.h"
#include "assign/realign.h"
#include "base/stamp.h"
#include "heap.h"
#include "orders.h"
#include "traffic.h"

#define DAY_MS INT64_C(86400000)
#define PHONE  ((rove_replica)4711)
#define TABLET ((rove_replica)4712)

typedef struct world {
    headquarters h;
    said said;
    heap memory;
    rove_id ann;
} world;

static void says(const world *w, const char *text) {
    if (strstr(w->said.out, text) == NULL && strstr(w->said.err, text) == NULL) {
        fail_msg("'%s' is not in:\n%s%s", text, w->said.out, w->said.err);
    }
}

static void says_not(const world *w, const char *text) {
    if (strstr(w->said.out, text) != NULL) {
        fail_msg("'%s' is in:\n%s", text, w->said.out);
    }
}

#define tells(w, ...) headquarters_run(&(w)->h, &(w)->said, __VA_ARGS__, NULL)
#define does(w, ...)                                                                               \
    do {                                                                                           \
        if (tells(w, __VA_ARGS__) != HQ_EXIT_DONE) {                                               \
            fail_msg("%s: %s", #__VA_ARGS__, (w)->said.err);                                       \
        }                                                                                          \
    } while (0)

/* The command under test; `json` as of rove-hq --json. */
static int offboards(world *w, int json, const char *user, const char *to, const char *option) {
    char words[4][64];
    char *argv[6] = {words[0], words[1], words[2], words[3], NULL, NULL};
    char last[64];
    hq_io io = said_io(&w->said);
    int argc = 4;
    io.json = json;
    (void)snprintf(words[0], sizeof words[0], "offboard");
    (void)snprintf(words[1], sizeof words[1], "%s", user);
    (void)snprintf(words[2], sizeof words[2], "--to");
    (void)snprintf(words[3], sizeof words[3], "%s", to);
    if (option != NULL) {
        (void)snprintf(last, sizeof last, "%s", option);
        argv[argc++] = last;
    }
    return hq_command_offboard.run(w->h.hq, &io, argc, argv);
}

static int64_t member(const world *w, const char *name) {
    return strtoll(said_member(&w->said, name), NULL, 10);
}

/* ---- what is there ---------------------------------------------------------------------------------------- */

typedef struct device_job {
    world *w;
    rove__hq_device device;
    int64_t wipe_ms;
    int missing;
} device_job;

static rove_status put_device(void *ctx, rove__hq_tx *tx, rove_error *error) {
    device_job *self = ctx;
    (void)error;
    return hq_database(self->w->h.hq)->store.device_put(tx, &self->device);
}

static rove_status get_device(void *ctx, rove__hq_tx *tx, rove_error *error) {
    device_job *self = ctx;
    hq *office = self->w->h.hq;
    hq_order order;
    (void)error;
    rove_status status =
        hq_database(office)->store.device_get(tx, self->device.replica, 0, &self->device);
    if (status != ROVE_OK) {
        return status;
    }
    status = hq_order_get(office, tx, self->device.replica, &order);
    if (status == ROVE_OK) {
        assert_int_equal(order.order.kind, ROVE_ORDER_WIPE);
        assert_int_equal(order.order.replica, self->device.replica);
        self->wipe_ms = order.order.given_ms;
    }
    return status == ROVE_NOT_FOUND ? ROVE_OK : status;
}

static void make_device(world *w, rove_id user, rove_replica replica, rove__device_status status) {
    device_job job = {
        .w = w,
        .device = {
            .replica = replica, .user = user, .status = status, .enrolled_ms = hq_now_ms(w->h.hq)}};
    assert_int_equal(hq_commit(w->h.hq, put_device, &job, NULL), ROVE_OK);
}

static device_job device(world *w, rove_replica replica) {
    device_job job = {.w = w, .device = {.replica = replica}};
    assert_int_equal(hq_read(w->h.hq, get_device, &job, NULL), ROVE_OK);
    return job;
}

static rove_status count_act(void *ctx, const rove__hq_act *act) {
    int *count = ctx;
    *count += strcmp(act->act, "offboard") == 0;
    return ROVE_OK;
}

typedef struct acts_job {
    world *w;
    int count;
} acts_job;

static rove_status count_acts(void *ctx, rove__hq_tx *tx, rove_error *error) {
    acts_job *self = ctx;
    (void)error;
    return hq_database(self->w->h.hq)->directory.act_scan(tx, count_act, &self->count);
}

static int acts(world *w) {
    acts_job job = {.w = w};
    assert_int_equal(hq_read(w->h.hq, count_acts, &job, NULL), ROVE_OK);
    return job.count;
}

typedef struct standing {
    world *w;
    uint64_t head;
    int codes; /* that somebody could still use */
} standing;

static rove_status each_code(void *ctx, const rove__hq_code *code) {
    standing *self = ctx;
    self->codes +=
        code->used_ms == 0 && code->tries_left > 0 && code->until_ms > hq_now_ms(self->w->h.hq);
    return ROVE_OK;
}

static rove_status read_standing(void *ctx, rove__hq_tx *tx, rove_error *error) {
    standing *self = ctx;
    const rove__hq_database *database = hq_database(self->w->h.hq);
    rove__hq_head head;
    (void)error;
    rove_status status = database->store.head_get(tx, &head);
    self->head = head.seq;
    return status == ROVE_OK ? database->directory.code_scan(tx, each_code, self) : status;
}

static standing stands(world *w) {
    standing job = {.w = w};
    assert_int_equal(hq_read(w->h.hq, read_standing, &job, NULL), ROVE_OK);
    return job;
}

/* A line of `show` has this beginning and this end. */
static void shows(world *w, const char *entity, const char *id, const char *field,
                  const char *value) {
    char line[80];
    char copy[sizeof w->said.out];
    does(w, "show", entity, id);
    (void)snprintf(line, sizeof line, "  %s ", field);
    (void)snprintf(copy, sizeof copy, "%s", w->said.out);
    char *at = strstr(copy, line);
    if (at == NULL) {
        fail_msg("%s has no %s", id, field);
        return;
    }
    at[strcspn(at, "\n")] = '\0';
    if (strstr(at, value) == NULL) {
        fail_msg("%s %s: '%s' is not %s", entity, id, at, value);
    }
}

static void has(world *w, const char *entity, const char *id, const char *user) {
    shows(w, entity, id, "owner_id", user);
    shows(w, entity, id, "assigned to", user);
}

static const char *added(const world *w, char id[32]) {
    assert_int_equal(sscanf(w->said.out, "%31s", id), 1);
    return id;
}

/* "about_id=..." of an account. */
static const char *about(world *w, const char *account, char text[64]) {
    char id[32];
    does(w, "show", "account", account);
    assert_int_equal(sscanf(w->said.out, "%*s %31s", id), 1);
    (void)snprintf(text, 64, "about_id=%s", id);
    return text;
}

/* Ann has accounts a and b with a contact, an open lead and a dead one; bob has c; ann has two devices and a code. */
static void fill(world *w) {
    char person[32];
    char role[64];
    headquarters_start(&w->h);
    w->ann = headquarters_user_put(&w->h, 0, "ann", 1);
    (void)headquarters_user_put(&w->h, 0, "bob", 1);
    (void)headquarters_user_put(&w->h, 0, "cy", 1);
    does(w, "set", "user", "ann", "name=Ann");
    does(w, "set", "user", "bob", "name=Bob");
    does(w, "set", "user", "cy", "name=Cy");
    does(w, "add", "account", "name=A", "external_id=a", "owner_id=ann");
    does(w, "add", "account", "name=B", "external_id=b", "owner_id=ann");
    does(w, "add", "account", "name=C", "external_id=c", "owner_id=cy");
    does(w, "add", "lead", "last_name=L", "external_id=l", "owner_id=ann");
    does(w, "add", "lead", "last_name=D", "external_id=d", "owner_id=ann", "status=DEAD");
    does(w, "add", "contact", "last_name=K", "external_id=k", "owner_id=ann");
    added(w, person);
    (void)snprintf(role, sizeof role, "contact_id=%s", person);
    does(w, "add", "account_contact_role", "account_id=a", role);
    does(w, "assign", "--by-owner", "--all");
    make_device(w, w->ann, PHONE, ROVE_DEVICE_ACTIVE);
    make_device(w, w->ann, TABLET, ROVE_DEVICE_REPLACED);
    does(w, "enroll-code", "--user", "ann");
}

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    fill(w);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    headquarters_end(&w->h);
    free(w);
    return 0;
}

/* Nothing has changed since fill. */
static void expect_untouched(world *w) {
    has(w, "account", "a", "Ann");
    has(w, "account", "b", "Ann");
    has(w, "lead", "l", "Ann");
    has(w, "contact", "k", "Ann");
    assert_int_equal(device(w, PHONE).device.status, ROVE_DEVICE_ACTIVE);
    assert_int_equal(device(w, PHONE).wipe_ms, 0);
    assert_int_equal(acts(w), 0);
    assert_int_equal(stands(w).codes, 1);
}

static void expect_gone(world *w) {
    has(w, "account", "a", "Bob");
    has(w, "account", "b", "Bob");
    has(w, "account", "c", "Cy");
    has(w, "lead", "l", "Bob");
    has(w, "contact", "k", "Bob");
    shows(w, "user", "ann", "status", "LEFT");
    assert_int_equal(device(w, PHONE).device.status, ROVE_DEVICE_REVOKED);
    assert_int_equal(device(w, TABLET).device.status, ROVE_DEVICE_REVOKED);
    assert_true(device(w, PHONE).wipe_ms > 0);
    assert_true(device(w, TABLET).wipe_ms > 0);
    assert_int_equal(acts(w), 1);
    assert_int_equal(stands(w).codes, 0);
}

/* ---- the act ---------------------------------------------------------------------------------------------- */

static void all_of_it_is_one_act(void **state) {
    world *w = *state;
    uint64_t groups = hq_commit_groups(w->h.hq);
    assert_int_equal(offboards(w, 1, "ann", "bob", NULL), HQ_EXIT_DONE);
    assert_int_equal(hq_commit_groups(w->h.hq), groups + 1);
    assert_int_equal(member(w, "accounts"), 2);
    assert_int_equal(member(w, "leads"), 1);
    assert_int_equal(member(w, "contacts"), 1);
    assert_int_equal(member(w, "wipes_ordered"), 2);
    assert_int_equal(member(w, "codes_closed"), 1);
    assert_int_equal(member(w, "assignments_ended"), 1); /* of the dead lead */
    expect_gone(w);
    shows(w, "lead", "d", "owner_id", "Ann");
    does(w, "acts", "--limit", "1");
    says(w,
         "2 devices revoked, 2 ordered to wipe, 1 codes closed, 2 accounts, 1 leads, 1 contacts");
    assert_int_not_equal(tells(w, "enroll-code", "--user", "ann"), HQ_EXIT_DONE);
}

static void once_more_there_is_nothing_left(void **state) {
    world *w = *state;
    assert_int_equal(offboards(w, 0, "ann", "bob", NULL), HQ_EXIT_DONE);
    says(w, "Ann has left; to Bob: 2 accounts, 1 leads, 1 contacts");
    int64_t ordered = device(w, PHONE).wipe_ms;
    assert_int_equal(offboards(w, 0, "ann", "cy", NULL), HQ_EXIT_DONE);
    says(w, "There is nothing left to do: Ann has left.");
    expect_gone(w);
    assert_int_equal(device(w, PHONE).wipe_ms, ordered);
}

static void a_dry_run_shows_it_and_changes_nothing(void **state) {
    world *w = *state;
    assert_int_equal(offboards(w, 1, "ann", "bob", "--dry-run"), HQ_EXIT_DONE);
    assert_int_equal(member(w, "accounts"), 2);
    assert_int_equal(member(w, "codes_closed"), 1);
    expect_untouched(w);
}

static void what_is_to_be_done_passes_and_is_listed(void **state) {
    world *w = *state;
    char about_c[32];
    char about_himself[32];
    char done[32];
    char visit[32];
    char sealed[32];
    char when[64];
    char user[64];
    char text[64];
    char day[ROVE_TIME_TEXT_SIZE];
    rove__time_format(hq_now_ms(w->h.hq) + 40 * DAY_MS, day);
    (void)snprintf(when, sizeof when, "planned_start=%.10s", day);
    (void)snprintf(user, sizeof user, "about_id=%lld", (long long)w->ann);
    does(w, "add", "task", about(w, "a", text), "subject=t", "assigned_to_id=ann");
    does(w, "add", "task", about(w, "c", text), "subject=t", "assigned_to_id=ann");
    added(w, about_c);
    does(w, "add", "task", user, "subject=t", "assigned_to_id=ann");
    added(w, about_himself);
    does(w, "add", "task", about(w, "c", text), "subject=t", "assigned_to_id=ann",
         "status=COMPLETED");
    added(w, done);
    does(w, "add", "visit", "account_id=c", when, "visitor_id=ann", "status=PLANNED");
    added(w, visit);
    does(w, "add", "visit", "account_id=c", when, "visitor_id=ann", "status=PLANNED",
         "sealed_at=2020-01-01");
    added(w, sealed);
    assert_int_equal(offboards(w, 0, "ann", "bob", NULL), HQ_EXIT_DONE);
    says(w, "2 open tasks, 1 planned visits");
    says(w, "2 of the tasks and visits are about records that Bob does not hold");
    says(w, "Account  a                    A                                    1      0 0");
    shows(w, "task", about_c, "assigned_to_id", "Bob");
    shows(w, "visit", visit, "visitor_id", "Bob");
    shows(w, "visit", sealed, "visitor_id", "Ann");
    shows(w, "task", about_himself, "assigned_to_id", "Ann");
    shows(w, "task", done, "assigned_to_id", "Ann");
}

static void what_may_have_left_the_house_is_named(void **state) {
    world *w = *state;
    const traffic_limits limits = {1, 1};
    traffic *sent = NULL;
    int64_t wait_s = 0;
    does(w, "export", "contact");
    assert_int_equal(traffic_new(w->h.hq, &limits, &sent), ROVE_OK);
    assert_int_equal(traffic_admit(sent, PHONE, &wait_s), ROVE_OK);
    (void)traffic_add(sent, PHONE, 77777, 1);
    assert_int_equal(traffic_keep(sent, PHONE, NULL), ROVE_OK);
    w->h.clock.offset_ms += 31 * DAY_MS;
    does(w, "export", "account", "--sensitive");
    assert_int_equal(traffic_admit(sent, PHONE, &wait_s), ROVE_OK);
    (void)traffic_add(sent, PHONE, 5000, 1);
    assert_int_equal(traffic_keep(sent, PHONE, NULL), ROVE_OK);
    traffic_free(sent);
    make_device(w, w->ann, 4713, ROVE_DEVICE_ACTIVE);
    assert_int_equal(offboards(w, 0, "ann", "bob", NULL), HQ_EXIT_DONE);
    says(w, "Account, 3 records, with sensitive fields");
    says_not(w, "Contact, 1 records");
    says(w, "device 4713 was enrolled");
    says_not(w, "device 4711 was enrolled");
    says(w, "device 4711: 1 full downloads, 4 KiB in all that day");
    says_not(w, "75 KiB");
}

static void more_than_one_page_of_rows_is_still_one_transaction(void **state) {
    world *w = *state;
    char name[32];
    char external_id[32];
    for (int i = 0; i < REALIGN_ROWS_MAX + 50; i++) {
        (void)snprintf(name, sizeof name, "name=N%d", i);
        (void)snprintf(external_id, sizeof external_id, "external_id=n%d", i);
        does(w, "add", "account", name, external_id, "owner_id=ann");
    }
    uint64_t groups = hq_commit_groups(w->h.hq);
    uint64_t head = stands(w).head;
    assert_int_equal(offboards(w, 1, "ann", "bob", NULL), HQ_EXIT_DONE);
    assert_int_equal(hq_commit_groups(w->h.hq), groups + 1);
    assert_true(stands(w).head >= head + 2); /* none of them too much for a page */
    assert_int_equal(member(w, "accounts"), REALIGN_ROWS_MAX + 52);
    has(w, "account", "n0", "Bob");
    has(w, "account", "n949", "Bob");
}

static void who_is_not_there_or_has_left_is_refused(void **state) {
    world *w = *state;
    assert_int_equal(offboards(w, 0, "nobody", "bob", NULL), HQ_EXIT_NOT_FOUND);
    assert_int_equal(offboards(w, 0, "ann", "nobody", NULL), HQ_EXIT_NOT_FOUND);
    assert_int_equal(offboards(w, 0, "ann", "ann", NULL), HQ_EXIT_FAILED);
    says(w, "the same user");
    does(w, "users", "left", "bob");
    assert_int_equal(offboards(w, 0, "ann", "bob", NULL), HQ_EXIT_FAILED);
    says(w, "Bob is suspended or has left.");
    assert_int_equal(offboards(w, 0, "ann", "cy", "--wrong"), HQ_EXIT_USAGE);
    expect_untouched(w);
}

/* Memory fails at one call after the other, until there is enough: each time nothing has happened. */
static void a_failure_anywhere_undoes_all_of_it(void **state) {
    world *w = *state;
    int result = HQ_EXIT_FAILED;
    int failures = 0;
    hq_close(w->h.hq);
    w->h.ports.allocator = heap_allocator(&w->memory);
    w->h.ports.one_thread = 1;
    headquarters_open(&w->h);
    for (size_t at = 1; result != HQ_EXIT_DONE; at += 1 + at / 40) {
        w->memory.fail_at = w->memory.calls + at;
        result = offboards(w, 0, "ann", "bob", NULL);
        w->memory.fail_at = 0;
        failures += result != HQ_EXIT_DONE;
        if (result != HQ_EXIT_DONE && acts(w) == 0) {
            expect_untouched(w);
        } else {
            break; /* it failed after the transaction, when the report was made */
        }
    }
    assert_true(failures > 20);
    expect_gone(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_of_it_is_one_act, set_up, tear_down),
        cmocka_unit_test_setup_teardown(once_more_there_is_nothing_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dry_run_shows_it_and_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_to_be_done_passes_and_is_listed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_may_have_left_the_house_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_one_page_of_rows_is_still_one_transaction, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_not_there_or_has_left_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failure_anywhere_undoes_all_of_it, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
