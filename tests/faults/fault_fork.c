/*
 * fault_fork.c - a device is a copy of another that has gone on: a sync finds it out, gets it a number of its own, and its
 * work arrives, with fresh ids where the other one has used the same.
 */
#include "world.h"

static void copy_to_device(const char *name) {
    char path[2][128];
    static uint8_t bytes[8 << 20];

    snprintf(path[0], sizeof path[0], WORLD_OTHER "/%s", name);
    snprintf(path[1], sizeof path[1], LOOP_DEVICE_FOLDER "/%s", name);
    FILE *from = fopen(path[0], "rb");
    FILE *to = fopen(path[1], "wb");
    assert_true(from != NULL && to != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, from);
    assert_true(size > 0 && size < sizeof bytes);
    assert_int_equal(fwrite(bytes, 1, size, to), size);
    assert_int_equal(fclose(from), 0);
    assert_int_equal(fclose(to), 0);
}

/* The first device becomes a copy of the second one. */
static void copy_other(void) {
    phone_close(&first);
    phone_close(&second);
    copy_to_device("replica.db");
    copy_to_device("identity");
    phone_open(&first);
    phone_open(&second);
    first.number = second.number;
}

static void prepare(void) {
    world_begin();
    (void)phone_account(&second, "before the copy");
    settle(&second);
    copy_other();
    second.now.boot_ms += 9;
    (void)phone_account(&second, "of the original");
    settle(&second);
    (void)world_record_account("of the copy");
    world_close();
}

static void act(void) {
    (void)WORLD_TRY(rove_sync, first.replica, NULL, NULL, &first.error);
}

static void check(void) {
    settle(&first);
    assert_int_not_equal(phone_state(&first).replica, second.number);
    assert_int_equal(phone_number(&first, "SELECT count(*) FROM account"), 3);
    assert_int_equal(world_at_headquarters("SELECT count(*) FROM account"), 3);
    world_check_ledger();
    phone_open(&second);
    settle(&second);
    assert_int_equal(phone_number(&second, "SELECT count(*) FROM account"), 3);
}

int main(int argc, char **argv) {
    return world_main(argc, argv, "fork", LOOP_DEVICE | LOOP_HQ, prepare, act, check);
}
