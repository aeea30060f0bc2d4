/*
 * test_import.c - files of customers come in: what is taken, what is refused and how that is said, and that a second
 * import changes only what differs.
 */
#include "headquarters.h"

#include "admin/commands.h"
#include "base/alloc.h"
#include "import/import.h"

typedef struct world {
    headquarters h;
    said said;
    char directory[512];
} world;

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);

    assert_non_null(w);
    headquarters_start(&w->h);
    assert_non_null(getcwd(w->directory, sizeof w->directory));
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;

    headquarters_end(&w->h);
    free(w);
    return 0;
}

static void write_bytes(world *w, const char *name, const char *bytes, size_t size) {
    char path[400];

    headquarters_path(&w->h, name, path, sizeof path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_file(world *w, const char *name, const char *text) {
    write_bytes(w, name, text, strlen(text));
}

/* Imports files of the headquarters' folder; options begin with --. NULL ends. */
static int import_files(world *w, int json, ...) {
    char *argv[HEADQUARTERS_ARGS_MAX];
    char paths[HEADQUARTERS_ARGS_MAX][600];
    char name[] = "import";
    int argc = 1;
    va_list args;
    hq_io io = said_io(&w->said);

    argv[0] = name;
    va_start(args, json);
    for (const char *word = va_arg(args, const char *); word != NULL;
         word = va_arg(args, const char *)) {
        size_t size = strlen(word);
        int file = size > 4 && strcmp(word + size - 4, ".csv") == 0;
        (void)snprintf(paths[argc], sizeof paths[argc], "%s%s%s", file ? w->h.folder : "",
                       file ? "/" : "", word);
        argv[argc] = paths[argc];
        argc++;
    }
    va_end(args);
    io.directory = w->directory;
    io.json = json;
    return hq_command_import.run(w->h.hq, &io, argc, argv);
}

static void says(const world *w, const char *text) {
    if (strstr(w->said.out, text) == NULL && strstr(w->said.err, text) == NULL) {
        fail_msg("'%s' is not in:\n%s%s", text, w->said.out, w->said.err);
    }
}

static int show(world *w, const char *entity, const char *id) {
    char command[] = "show";
    char first[64];
    char second[64];

    (void)snprintf(first, sizeof first, "%s", entity);
    (void)snprintf(second, sizeof second, "%s", id);
    return headquarters_run(&w->h, &w->said, command, first, second, NULL);
}

static void shows(world *w, const char *entity, const char *id, const char *field,
                  const char *value) {
    char line[300];

    assert_int_equal(show(w, entity, id), HQ_EXIT_DONE);
    (void)snprintf(line, sizeof line, "  %-22s %s", field, value);
    says(w, line);
}

static void shows_not(world *w, const char *entity, const char *id, const char *field) {
    char line[300];

    assert_int_equal(show(w, entity, id), HQ_EXIT_DONE);
    (void)snprintf(line, sizeof line, "  %s ", field);
    assert_null(strstr(w->said.out, line));
}

static void people(world *w) {
    write_file(w, "territories.csv",
               "ExternalId,Name,CountryCode,Group\n1,North,US,NA\n2,South,US,NA\n");
    write_file(w, "users.csv",
               "ExternalId,Username,FirstName,LastName,TerritoryExternalId\n"
               "275,michael,Michael,Blythe,1\n276,linda,Linda,,2\n");
    assert_int_equal(import_files(w, 0, "users.csv", "territories.csv", NULL), HQ_EXIT_DONE);
}

static void test_people_come_before_what_refers_to_them(void **state) {
    world *w = *state;

    people(w);
    shows(w, "user", "275", "name", "Michael Blythe");
    shows(w, "user", "276", "name", "Linda");
    shows(w, "user", "275", "role", "REP");
    shows(w, "user", "275", "status", "ACTIVE");
    shows(w, "user", "275", "territory_id", "");
}

static void test_values_arrive_exactly(void **state) {
    world *w = *state;

    people(w);
    write_file(
        w, "accounts.csv",
        "ExternalId,Name,OwnerExternalId,BillingLatitude,AnnualRevenue,SquareFeet__c,Open__c,"
        "Ratio__c,Code__c\n"
        "292,\"Next-Door, \"\"Bikes\"\"\",275,35.030054,800000.005,21000,true,0.5,007\n"
        "294,Café Vélo,276,-0.0000001,1000,18000,false,2,12\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_DONE);
    says(w, "custom fields made: 4");
    shows(w, "account", "292", "name", "Next-Door, \"Bikes\"");
    shows(w, "account", "292", "annual_revenue", "800000.00");
    shows(w, "account", "292", "currency", "EUR");
    shows(w, "account", "292", "billing_latitude", "35.030054");
    shows(w, "account", "294", "billing_latitude", "-0.0000001");
    shows(w, "account", "292", "square_feet", "21000");
    shows(w, "account", "292", "open", "true");
    shows(w, "account", "294", "ratio", "2");
    shows(w, "account", "292", "code", "007");
    shows(w, "account", "294", "name", "Café Vélo");
}

/* The disk was full when an import was about to define it. */
static void test_a_field_whose_definition_was_undone_is_defined_again(void **state) {
    world *w = *state;
    rove__registry *registry = hq_registry(w->h.hq);
    const rove__custom undone = {.entity = rove__registry_by_name(registry, "Account")->number,
                                 .number = ROVE_CUSTOM_NUMBER_MIN,
                                 .name = "size",
                                 .type = ROVE_INT,
                                 .min = INT64_MIN,
                                 .max = INT64_MAX};

    assert_int_equal(rove__registry_add_custom(registry, &undone, NULL), ROVE_OK);
    write_file(w, "accounts.csv", "Id,Name,Size__c\n1,One,3\n");
    assert_int_equal(import_files(w, 0, "--dry-run", "accounts.csv", NULL), HQ_EXIT_DONE);
    says(w, "custom fields made: 1");
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_DONE);
    says(w, "custom fields made: 1");
    shows(w, "account", "1", "size", "3");
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_DONE);
    says(w, "unchanged 1");
}

static void test_importing_again_writes_nothing(void **state) {
    world *w = *state;
    char command[] = "status";

    people(w);
    write_file(w, "accounts.csv",
               "Id,Name,Owner,City,Size__c\n1,One,275,Ulm,3\n2,Two,276,Bonn,4\n");
    write_file(w, "contacts.csv", "Id,AccountId,FirstName,Email,Phone\n9,1,Ann,a@x.org,555\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", "contacts.csv", NULL), HQ_EXIT_DONE);
    hq_io io = said_io(&w->said);
    io.json = 1;
    char *argv[] = {command, NULL};
    assert_int_equal(hq_command_status.run(w->h.hq, &io, 1, argv), HQ_EXIT_DONE);
    char head[512];
    (void)snprintf(head, sizeof head, "%s", said_member(&w->said, "head"));

    assert_int_equal(import_files(w, 0, "accounts.csv", "contacts.csv", NULL), HQ_EXIT_DONE);
    says(w, "inserted 0, updated 0, unchanged 2");
    says(w, "ContactMethod        inserted 0, updated 0, unchanged 2");
    io = said_io(&w->said);
    io.json = 1;
    assert_int_equal(hq_command_status.run(w->h.hq, &io, 1, argv), HQ_EXIT_DONE);
    assert_string_equal(said_member(&w->said, "head"), head);

    write_file(w, "accounts.csv", "Id,Name,Owner,City,Size__c\n1,One,275,Ulm,3\n2,Two,275,,4\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_DONE);
    says(w, "inserted 0, updated 1, unchanged 1");
    shows(w, "account", "2", "billing_city", "Bonn"); /* an empty cell leaves what stands */
    shows(w, "account", "2", "owner_id", "");
}

static void test_contacts_get_their_account_and_methods(void **state) {
    world *w = *state;

    write_file(w, "accounts.csv", "Id,Name\n1,One\n2,Two\n");
    write_file(w, "contacts.csv",
               "Id,AccountId,FirstName,LastName,Email,Phone,Mobile\n"
               "9,1,Ann,,a@x.org,555,777\n"
               "10,2,,Bo,,555,\n"
               "11,2,,,c@x.org,,\n"
               "12,77,Cy,,,,\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", "contacts.csv", NULL), HQ_EXIT_PART);
    says(w, "Contact              inserted 2, updated 0, unchanged 0, refused 2");
    says(w, "ContactMethod        inserted 4");
    says(w, "AccountContactRole   inserted 2");
    says(w, "contacts.csv:4: Contact needs a first_name or a last_name.");
    says(w, "contacts.csv:5: AccountId: There is no Account with the external id '77'.");
    shows(w, "contact", "9", "email", "a@x.org");
    /* The changed number is the same method; a further account a further role. */
    write_file(w, "contacts.csv",
               "Id,AccountId,FirstName,LastName,Email,Phone,Mobile\n9,2,Ann,,a@x.org,556,777\n");
    assert_int_equal(import_files(w, 0, "contacts.csv", NULL), HQ_EXIT_DONE);
    says(w, "ContactMethod        inserted 0, updated 1, unchanged 2");
    says(w, "AccountContactRole   inserted 1");
    shows(w, "contact", "9", "phone", "556");
}

static void test_every_bad_line_is_named_and_the_rest_goes_in(void **state) {
    world *w = *state;
    static const char text[] = "Id,Name,AnnualRevenue,Employees,Website\n"
                               "1,One,12,3,x\n"
                               "2,Two,12.x,3,x\n"
                               "3,Three,1,3.5,x\n"
                               "4,\"Four\" bikes,1,3,x\n"
                               "5,Five,1,3\n"
                               "6,Six,1,3,x,y\n"
                               "1,Again,1,3,x\n"
                               ",Nameless,1,3,x\n"
                               "8,,1,3,x\n"
                               "9,N\xff,1,3,x\n"
                               "10,Ten,1,3,\0\n"
                               "11,Eleven,1,3,x\n"
                               "12,\"Twelve,1,3,x\n";

    write_bytes(w, "accounts.csv", text, sizeof text - 1);
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_PART);
    says(w, "13 lines");
    says(w, "inserted 2, updated 0, unchanged 0, refused 11");
    says(w, "accounts.csv:3: AnnualRevenue: annual_revenue: '12.x' is not an amount like 12.34.");
    says(w, "accounts.csv:4: Employees: number_of_employees: '3.5' is not a whole number.");
    says(w, "accounts.csv:5: Name: A quote stands where none may be");
    says(w, "accounts.csv:6: The line has 4 columns, the header 5.");
    says(w, "accounts.csv:7: The line has 6 columns, the header 5.");
    says(w, "accounts.csv:8: Id: The same record is in line 2 already.");
    says(w, "accounts.csv:9: Id: The record has no external id");
    says(w, "accounts.csv:10: Account.name is required.");
    says(w, "accounts.csv:11: Name: name: the text is not UTF-8");
    says(w, "accounts.csv:12: Website: website: the text is not UTF-8 or contains NUL");
    says(w, "accounts.csv:14: Name: A quote is opened and never closed.");
    shows(w, "account", "11", "name", "Eleven");
}

static void test_a_field_of_a_megabyte_is_refused_alone(void **state) {
    world *w = *state;
    size_t size = 1024 * 1024;
    char *text = malloc(size + 64);

    assert_non_null(text);
    (void)snprintf(text, 64, "Id,Name,Description\n1,One,\"");
    size_t used = strlen(text);
    memset(text + used, '\n', size);
    (void)snprintf(text + used + size, 32, "\"\n2,Two,x\n");
    write_file(w, "accounts.csv", text);
    free(text);
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_PART);
    says(w, "inserted 1, updated 0, unchanged 0, refused 1");
    says(w, "accounts.csv:2: Description: ");
}

/* A column of dates as nobody here writes them: each line is refused, and what comes after them goes in. */
static void test_many_bad_lines_are_only_refused(void **state) {
    enum { LINES = 60000, LINE = 80 };
    world *w = *state;
    char *text = test_malloc((size_t)LINES * LINE);
    size_t size = (size_t)snprintf(text, LINE, "Id,Name,AnnualRevenue\n");

    for (int i = 0; i < LINES; i++) {
        size += (size_t)snprintf(text + size, LINE, "%d,Many,1.x\n", i + 1);
    }
    size += (size_t)snprintf(text + size, LINE, "%d,Last,1\n", LINES + 1);
    write_bytes(w, "accounts.csv", text, size);
    test_free(text);
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_PART);
    says(w, "inserted 1, updated 0, unchanged 0, refused 60000");
}

static void test_a_dry_run_writes_nothing(void **state) {
    world *w = *state;

    write_file(w, "users.csv", "Id,Username\n275,michael\n");
    write_file(w, "accounts.csv", "Id,Name,Owner,Size__c\n1,One,275,3\n2,,275,4\n");
    write_file(w, "contacts.csv", "Id,AccountId,FirstName,Email\n9,1,Ann,a@x.org\n");
    assert_int_equal(
        import_files(w, 0, "--dry-run", "contacts.csv", "accounts.csv", "users.csv", NULL),
        HQ_EXIT_PART);
    says(w, "nothing is written");
    says(w, "User                 inserted 1");
    says(w, "Account              inserted 1, updated 0, unchanged 0, refused 1");
    says(w, "AccountContactRole   inserted 1");
    assert_int_equal(show(w, "account", "1"), HQ_EXIT_NOT_FOUND);
    assert_int_equal(show(w, "user", "275"), HQ_EXIT_NOT_FOUND);
    assert_int_equal(
        rove__entity_field_named(rove__registry_by_name(hq_registry(w->h.hq), "Account"), "size"),
        -1);
}

static void test_a_dry_run_says_which_records_would_change_and_how(void **state) {
    world *w = *state;

    write_file(w, "accounts.csv", "Id,Name,Phone\n1,One,5\n2,Two,6\n3,Three,7\n");
    write_file(w, "contacts.csv", "Id,AccountId,FirstName,Email\n9,1,Ann,a@x.org\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", "contacts.csv", NULL), HQ_EXIT_DONE);
    write_file(w, "accounts.csv",
               "Id,Name,Phone,Size__c,Rating\n1,Uno,55,3,Hot\n2,Two,6,,\n3,Three,8,,\n4,New,,,\n");
    write_file(w, "contacts.csv", "Id,AccountId,FirstName,Email\n9,1,Ann,b@x.org\n");
    assert_int_equal(import_files(w, 0, "--dry-run", "accounts.csv", "contacts.csv", NULL),
                     HQ_EXIT_DONE);
    says(w, "Account              inserted 1, updated 2, unchanged 1, refused 0");
    says(w, "accounts.csv:2: changes name, phone, rating");
    says(w, "accounts.csv:4: changes phone");
    says(w, "custom fields made: 1");
    says(w, "contacts.csv:2: changes email");
    says(w, "contacts.csv:2: changes ContactMethod: value");
    assert_int_equal(import_files(w, 1, "--dry-run", "accounts.csv", NULL), HQ_EXIT_DONE);
    says(w, "\"fields\": \"name, phone, rating\"");
    /* And when it is done, it is not said again. */
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_DONE);
    assert_null(strstr(w->said.out, "changes"));
}

static void test_a_dry_run_of_many_changes_shows_the_first_ones(void **state) {
    world *w = *state;
    char *text = test_malloc(100000);
    size_t size = 0;

    for (int round = 0; round < 2; round++) {
        size = (size_t)snprintf(text, 100000, "Id,Name\n");
        for (int i = 0; i < 60; i++) {
            size += (size_t)snprintf(text + size, 100000 - size, "%d,%s %d\n", i + 1,
                                     round == 0 ? "Old" : "New", i);
        }
        write_file(w, "accounts.csv", text);
        assert_int_equal(import_files(w, 0, "accounts.csv", round == 0 ? NULL : "--dry-run", NULL),
                         HQ_EXIT_DONE);
    }
    test_free(text);
    says(w, "accounts.csv:51: changes name");
    says(w, "  and 10 more");
    assert_null(strstr(w->said.out, "accounts.csv:52: "));
}

static void test_a_parent_may_come_after_its_child(void **state) {
    world *w = *state;

    write_file(w, "accounts.csv", "Id,Name,Parent Account ID\n1,Child,3\n2,Orphan,99\n3,Parent,\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_PART);
    says(w, "inserted 2, updated 0, unchanged 0, refused 1");
    says(w, "accounts.csv:3: Parent Account ID: There is no Account with the external id '99'.");
    assert_int_equal(show(w, "account", "1"), HQ_EXIT_DONE);
    says(w, "[3] (Parent)");
}

static void test_leads_go_to_the_territory_of_their_state(void **state) {
    world *w = *state;

    people(w);
    write_file(w, "states.csv", "State,TerritoryExternalId\nUT,1\nca,2\n");
    write_file(w, "leads.csv",
               "Id,FirstName,State,Owner,YearlyIncome\n1,Ann,ut,,10\n2,Bo,CA,275,\n3,Cy,TX,,\n");
    assert_int_equal(import_files(w, 0, "leads.csv", "--leads-by", "states.csv", NULL),
                     HQ_EXIT_DONE);
    shows(w, "lead", "1", "territory_id", "");
    shows(w, "lead", "1", "status", "NEW");
    shows(w, "lead", "1", "yearly_income", "10.00");
    shows_not(w, "lead", "2", "territory_id");
    shows(w, "lead", "2", "status", "ASSIGNED");
    shows_not(w, "lead", "3", "territory_id");
    shows_not(w, "lead", "3", "owner_id");
}

static void test_prices_and_assignments_are_found_by_what_they_join(void **state) {
    world *w = *state;

    people(w);
    write_file(w, "products.csv", "ExternalId,ProductCode,Name,ListPrice\n707,HL,Helmet,33.6442\n");
    write_file(w, "price_history.csv",
               "ProductExternalId,StartDate,EndDate,ListPrice\n"
               "707,2022-05-30,2023-05-29,33.64\n707,2023-05-30,,34.99\n707,2023-05-30,,35.99\n");
    write_file(w, "territory_history.csv",
               "UserExternalId,TerritoryExternalId,StartDate,EndDate\n275,1,2022-05-30,\n");
    assert_int_equal(
        import_files(w, 0, "price_history.csv", "products.csv", "territory_history.csv", NULL),
        HQ_EXIT_PART);
    says(w, "PriceItem            inserted 2, updated 0, unchanged 0, refused 1");
    says(w, "price_history.csv:4: The same record is in line 3 already.");
    says(w, "PriceList            inserted 1");
    write_file(w, "price_history.csv",
               "ProductExternalId,StartDate,EndDate,ListPrice\n"
               "707,2022-05-30,2023-05-29,33.64\n707,2023-05-30,,36.99\n");
    assert_int_equal(import_files(w, 0, "price_history.csv", "territory_history.csv", NULL),
                     HQ_EXIT_DONE);
    says(w, "PriceItem            inserted 0, updated 1, unchanged 1");
    says(w, "TerritoryAssignment  inserted 0, updated 0, unchanged 1");
}

/* An empty quantity is 0, and a user has a login and an external id. First in a dry run, then for good. */
static void test_one_key_spelt_in_two_ways_is_one_record(void **state) {
    world *w = *state;

    people(w);
    write_file(w, "products.csv", "ExternalId,ProductCode,Name,ListPrice\n707,HL,Helmet,33.6442\n");
    write_file(w, "price_history.csv",
               "ProductExternalId,MinQuantity,StartDate,ListPrice\n"
               "707,,2022-05-30,33.64\n707,5,2022-05-30,30.00\n707,0,2022-05-30,34.99\n");
    write_file(w, "territory_history.csv",
               "UserExternalId,TerritoryExternalId,StartDate,EndDate\n"
               "275,1,2022-05-30,\nmichael,1,2022-05-30,2023-05-29\n275,2,2022-05-30,\n");
    assert_int_equal(import_files(w, 0, "products.csv", NULL), HQ_EXIT_DONE);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(import_files(w, 0, "price_history.csv", "territory_history.csv",
                                      i == 0 ? "--dry-run" : NULL, NULL),
                         HQ_EXIT_PART);
        says(w, "PriceItem            inserted 2, updated 0, unchanged 0, refused 1");
        says(w, "price_history.csv:4: The same record is in line 2 already.");
        says(w, "TerritoryAssignment  inserted 2, updated 0, unchanged 0, refused 1");
        says(w, "territory_history.csv:3: The same record is in line 2 already.");
    }
    assert_int_equal(import_files(w, 0, "price_history.csv", "territory_history.csv", NULL),
                     HQ_EXIT_PART);
    says(w, "PriceItem            inserted 0, updated 0, unchanged 2, refused 1");
    says(w, "TerritoryAssignment  inserted 0, updated 0, unchanged 2, refused 1");
}

static void test_what_cannot_be_imported_is_said(void **state) {
    world *w = *state;

    write_file(w, "quotas.csv", "UserExternalId,QuotaDate,Amount\n274,2022-05-30,28000\n");
    assert_int_equal(import_files(w, 0, "quotas.csv", NULL), HQ_EXIT_USAGE);
    says(w, "Quotas are not kept here");
    assert_int_equal(import_files(w, 0, "nowhere.csv", NULL), HQ_EXIT_NOT_FOUND);
    says(w, "nowhere.csv");
    write_file(w, "empty.csv", "");
    assert_int_equal(import_files(w, 0, "empty.csv", NULL), HQ_EXIT_USAGE);
    says(w, "no header line");
    write_file(w, "accounts.csv", "Id,Phone\n1,2\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", "--entity=Account", NULL), HQ_EXIT_USAGE);
    says(w, "No column gives Account.name");
    assert_int_equal(import_files(w, 0, "accounts.csv", "--entity=Visit", NULL), HQ_EXIT_USAGE);
    says(w, "What can be");
}

static void test_custom_fields_keep_their_number_and_type(void **state) {
    world *w = *state;
    const rove__registry *registry = hq_registry(w->h.hq);

    write_file(w, "accounts.csv", "Id,Name,A__c,B__c\n1,One,1,x\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_DONE);
    write_file(w, "accounts.csv", "Id,Name,B__c,C__c,A__c\n1,One,x,1.5,1\n2,Two,x,2,1.5\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_PART);
    says(w, "accounts.csv:3: A__c: a: '1.5' is not a whole number.");
    const rove__entity *account = rove__registry_by_name(registry, "Account");
    assert_int_equal(account->fields[rove__entity_field_named(account, "a")].number, 1000);
    assert_int_equal(account->fields[rove__entity_field_named(account, "b")].number, 1001);
    assert_int_equal(account->fields[rove__entity_field_named(account, "c")].number, 1002);
    assert_int_equal(account->fields[rove__entity_field_named(account, "c")].type, ROVE_REAL);
    /* They are there after a restart. */
    hq_close(w->h.hq);
    headquarters_open(&w->h);
    account = rove__registry_by_name(hq_registry(w->h.hq), "Account");
    assert_int_equal(account->fields[rove__entity_field_named(account, "c")].number, 1002);
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_PART);
    says(w, "inserted 0, updated 0, unchanged 1, refused 1");
}

static void test_types_of_columns(void **state) {
    static const struct {
        const char *values[3];
        rove_type type;
        unsigned flags;
    } columns[] = {
        {{"1", "-2", ""}, ROVE_INT, 0},
        {{"1", "2.5", ""}, ROVE_REAL, 0},
        {{"true", "FALSE", ""}, ROVE_INT, ROVE_FIELD_BOOLEAN},
        {{"true", "1", ""}, ROVE_TEXT, 0},
        {{"yes", "no", ""}, ROVE_TEXT, 0},
        {{"007", "1", ""}, ROVE_TEXT, 0},
        {{"2", "4+", ""}, ROVE_TEXT, 0},
        {{"1234567890123456789", "", ""}, ROVE_REAL, 0},
        {{"1e5", "", ""}, ROVE_TEXT, 0},
        {{"1,000", "", ""}, ROVE_TEXT, 0},
        {{"", "", ""}, ROVE_TEXT, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        custom_guess guess = {0};
        for (size_t k = 0; k < 3; k++) {
            custom_look(&guess, columns[i].values[k], strlen(columns[i].values[k]));
        }
        rove__custom custom = custom_fitting(&guess);
        assert_int_equal(custom.type, columns[i].type);
        assert_int_equal(custom.flags, columns[i].flags);
    }
}

static void test_a_stage_does_not_go_back(void **state) {
    world *w = *state;

    write_file(w, "accounts.csv", "Id,Name,Lifecycle Stage\n1,One,Customer\n2,Two,lead\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_DONE);
    write_file(w, "accounts.csv", "Id,Name,Lifecycle Stage\n1,One,Prospect\n2,Two,Opportunity\n");
    assert_int_equal(import_files(w, 0, "accounts.csv", NULL), HQ_EXIT_DONE);
    says(w, "updated 1, unchanged 1");
    shows(w, "account", "1", "lifecycle_stage", "CUSTOMER");
    shows(w, "account", "2", "lifecycle_stage", "OPPORTUNITY");
}

static void test_json_says_the_same(void **state) {
    world *w = *state;

    write_file(w, "accounts.csv", "Id;Name;Shoe size\n1;One;3\n2;;4\n");
    assert_int_equal(import_files(w, 1, "accounts.csv", NULL), HQ_EXIT_PART);
    assert_string_equal(said_member(&w->said, "entity"), "Account");
    assert_string_equal(said_member(&w->said, "inserted"), "1");
    assert_string_equal(said_member(&w->said, "line"), "3");
    assert_string_equal(said_member(&w->said, "reason"), "Account.name is required.");
    says(w, "\"Shoe size\"");
}

/* A line is never left out of the report, whatever stands in it; a long header is no less UTF-8 for being cut. */
static void test_json_tells_of_what_is_no_text(void **state) {
    world *w = *state;
    char text[512] = "Id,Name,x";

    for (int i = 0; i < 70; i++) {
        (void)strcat(text, "\xc3\xbc");
    }
    (void)strcat(text, ",Status\n1,A,,ACTIVE\n2,B,,ACT\xffIVE\n3,\xff,,\n");
    write_file(w, "accounts.csv", text);
    assert_int_equal(import_files(w, 1, "accounts.csv", "--dry-run", NULL), HQ_EXIT_PART);
    says(w, "\"lines\": 3");
    says(w, "\"line\": 3");
    says(w, "ACT\xef\xbf\xbdIVE");
    says(w, "\"line\": 4");
    says(w, "\"x\xc3\xbc\xc3\xbc");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_people_come_before_what_refers_to_them),
        TEST(test_values_arrive_exactly),
        TEST(test_a_field_whose_definition_was_undone_is_defined_again),
        TEST(test_importing_again_writes_nothing),
        TEST(test_contacts_get_their_account_and_methods),
        TEST(test_every_bad_line_is_named_and_the_rest_goes_in),
        TEST(test_a_field_of_a_megabyte_is_refused_alone),
        TEST(test_many_bad_lines_are_only_refused),
        TEST(test_a_dry_run_writes_nothing),
        TEST(test_a_dry_run_says_which_records_would_change_and_how),
        TEST(test_a_dry_run_of_many_changes_shows_the_first_ones),
        TEST(test_a_parent_may_come_after_its_child),
        TEST(test_leads_go_to_the_territory_of_their_state),
        TEST(test_prices_and_assignments_are_found_by_what_they_join),
        TEST(test_one_key_spelt_in_two_ways_is_one_record),
        TEST(test_what_cannot_be_imported_is_said),
        TEST(test_custom_fields_keep_their_number_and_type),
        cmocka_unit_test(test_types_of_columns),
        TEST(test_a_stage_does_not_go_back),
        TEST(test_json_says_the_same),
        TEST(test_json_tells_of_what_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
