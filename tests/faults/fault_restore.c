/*
 * fault_restore.c - a backup takes the place of headquarters' database. Whatever fails, there is one of the two, whole, and
 * headquarters opens; what it says of the restore is what happened, and what was replaced is kept beside it.
 */
#include "desk.h"

#define COPY "copy.db"

static void prepare(void) {
    desk_new();
    desk_write("accounts.csv", "ExternalId,Name\n1,One\n");
    desk_open();
    desk_ok(desk_run("import", "accounts.csv", NULL));
    desk_ok(desk_run("backup", COPY, NULL));
    desk_write("accounts.csv", "ExternalId,Name\n2,after the backup\n");
    desk_ok(desk_run("import", "accounts.csv", NULL));
    desk_close();
}

static void open_nothing(void) {
}

static rove_status restore(int *replaced, rove_error *error) {
    *error = (rove_error){.message = ""};
    return bureau_restore(desk, COPY, replaced, error);
}

static int accounts(void) {
    return (int)world_at_headquarters("SELECT count(*) FROM account");
}

static void act(void) {
    rove_error error;
    int replaced = 0;

    faults_end = FAULTS_HEADQUARTERS;
    rove_status status = restore(&replaced, &error);
    faults_end = FAULTS_DEVICE;
    int done = world_said("hq_restore", status, &error);
    assert_true(replaced >= done);
    assert_true(!replaced || done || strstr(error.message, "in place") != NULL);
    assert_int_equal(accounts(), replaced ? 1 : 2);
}

static void check(void) {
    rove_error error;
    int replaced = 0;

    desk_open();
    desk_close();
    if (restore(&replaced, &error) != ROVE_OK) {
        fail_msg("%s", error.message);
    }
    assert_true(replaced && accounts() == 1);
    assert_true(world_at_headquarters("SELECT count(*) FROM _act WHERE act = 'restore'") == 1);
    desk_open();
}

int main(int argc, char **argv) {
    static const loop_scenario scenario = {.name = "restore",
                                           .kinds = LOOP_HQ,
                                           .prepare = prepare,
                                           .open = open_nothing,
                                           .act = act,
                                           .close = desk_close,
                                           .check = check,
                                           .end = desk_end};

    return loop_main(&scenario, argc, argv);
}
