/*
 * fault_import.c - customers, contacts, users and a custom field come in from files. A line is never refused for what is no
 * fault of its own; an import that failed is made again and ends with everything once, and one more changes nothing.
 */
#include "desk.h"

static void write_files(void) {
    desk_write("users.csv", "ExternalId,Username,FirstName,LastName\n275,michael,Michael,Blythe\n");
    desk_write("accounts.csv", "ExternalId,Name,OwnerExternalId,AnnualRevenue,SquareFeet__c\n"
                               "1,One,275,800000.05,21000\n2,\"Two, and sons\",275,,18000\n"
                               "3,Three,,1000,\n");
    desk_write("contacts.csv", "Id,AccountId,FirstName,Email,Phone\n9,1,Ann,a@x.org,555\n");
}

static void prepare(void) {
    desk_new();
    write_files();
}

static int run(void) {
    return desk_run("import", "users.csv", "accounts.csv", "contacts.csv", NULL);
}

static void act(void) {
    (void)DESK_TRY("import", "users.csv", "accounts.csv", "contacts.csv");
}

static int count_in(const char *sql) {
    return (int)world_at_headquarters(sql);
}

static void check(void) {
    desk_ok(run());
    assert_int_equal(count_in("SELECT count(*) FROM account"), 3);
    assert_int_equal(count_in("SELECT count(*) FROM user"), 1);
    assert_int_equal(count_in("SELECT count(*) FROM contact"), 1);
    assert_int_equal(count_in("SELECT count(*) FROM contact_method"), 2);
    assert_int_equal(count_in("SELECT count(*) FROM account_contact_role"), 1);
    assert_int_equal(count_in("SELECT count(*) FROM custom_field"), 1);
    assert_int_equal(count_in("SELECT sum(square_feet) FROM account"), 39000);
    assert_int_equal(count_in("SELECT count(owner_id) FROM account"), 2);
    int head = count_in("SELECT seq FROM _head");
    desk_ok(run());
    assert_non_null(strstr(bureau_said(desk), "inserted 0, updated 0, unchanged 3"));
    assert_int_equal(count_in("SELECT seq FROM _head"), head);
}

int main(int argc, char **argv) {
    return desk_main(argc, argv, "import", LOOP_HQ | LOOP_HQ_CUTS, prepare, act, check);
}
