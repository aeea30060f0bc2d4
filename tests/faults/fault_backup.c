/*
 * fault_backup.c - headquarters is backed up while it works: the copy is whole, or it is not there; and only a copy that is
 * there lets devices forget what they keep.
 */
#include "desk.h"

#define COPY "copy.db"

static void prepare(void) {
    desk_new();
    desk_write("accounts.csv", "ExternalId,Name\n1,One\n2,Two\n");
    desk_open();
    desk_ok(desk_run("import", "accounts.csv", NULL));
    desk_close();
}

static void act(void) {
    int done = DESK_TRY("backup", COPY);

    assert_true(!done || access(COPY, F_OK) == 0);
}

static void check_copy(void) {
    if (access(COPY, F_OK) == 0) {
        world_sound(COPY);
    } else {
        assert_int_equal(world_at_headquarters("SELECT safe FROM _head"), 0);
    }
}

static void check(void) {
    check_copy();
    (void)unlink(COPY);
    desk_ok(desk_run("backup", COPY, NULL));
    check_copy();
    assert_int_equal(world_at_headquarters("SELECT safe FROM _head"),
                     world_at_headquarters("SELECT seq FROM _head"));
}

int main(int argc, char **argv) {
    return desk_main(argc, argv, "backup", LOOP_HQ | LOOP_HQ_CUTS, prepare, act, check);
}
