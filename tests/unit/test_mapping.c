/* Header lines of the files that people have: what each column becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "import/mapping.h"

typedef struct fixture {
    heap memory;
    rove_allocator allocator;
    rove__registry *registry;
    rove__arena arena;
    rove_error error;
    mapping m;
} fixture;

static rove_status map(fixture *f, const char *line, const char *name, const char *entity,
                       const char *rules) {
    csv_file *file = NULL;
    csv_record header;
    csv_problem problem;
    const rove__entity *e = entity == NULL ? NULL : mapping_entity(f->registry, entity);

    memset(&f->error, 0, sizeof f->error);
    assert_int_equal(csv_file_open(&f->allocator, line, strlen(line), &file, NULL), ROVE_OK);
    assert_int_equal(csv_file_next(file, &header, &problem), ROVE_OK);
    rove_status status =
        mapping_make(f->registry, &header, name, e, rules, &f->arena, &f->m, &f->error);
    csv_file_free(file);
    return status;
}

/* "header>target, ..." of what is mapped. */
static void becomes(fixture *f, const char *line, const char *name, const char *expected) {
    char got[2048] = "";
    size_t used = 0;

    if (map(f, line, name, NULL, NULL) != ROVE_OK) {
        fail_msg("%s", f->error.message);
    }
    used += (size_t)snprintf(got, sizeof got, "%s:", f->m.entity->name);
    for (size_t i = 0; i < f->m.count; i++) {
        const mapping_column *c = &f->m.columns[i];
        const char *target = c->role == MAPPING_NOTHING      ? "-"
                             : c->role == MAPPING_CUSTOM     ? c->custom
                             : c->role == MAPPING_FIRST_NAME ? "FIRST"
                             : c->role == MAPPING_LAST_NAME  ? "LAST"
                             : c->role == MAPPING_ACCOUNT    ? "ACCOUNT"
                             : c->role == MAPPING_METHOD     ? "METHOD"
                             : c->role == MAPPING_PRICE_LIST ? "LIST"
                                                             : f->m.entity->fields[c->ordinal].name;
        used += (size_t)snprintf(got + used, sizeof got - used, " %s", target);
    }
    assert_string_equal(got, expected);
}

static void refused(fixture *f, const char *line, const char *name, const char *entity,
                    const char *rules, const char *says) {
    assert_int_equal(map(f, line, name, entity, rules), ROVE_INVALID);
    if (strstr(f->error.message, says) == NULL) {
        fail_msg("'%s' does not say '%s'", f->error.message, says);
    }
}

static void test_the_files_of_the_demo(void **state) {
    fixture *f = *state;

    becomes(f,
            "ExternalId,AccountNumber,Name,Type,OwnerExternalId,TerritoryExternalId,BillingStreet,"
            "BillingCity,BillingState,BillingPostalCode,BillingCountry,BillingLatitude,"
            "BillingLongitude,AnnualRevenue,NumberOfEmployees,YearStarted,BusinessType__c,"
            "SquareFeet__c\n",
            "x.csv",
            "Account: external_id account_number name type owner_id territory_id billing_street "
            "billing_city billing_region billing_postal_code billing_country billing_latitude "
            "billing_longitude annual_revenue number_of_employees year_started business_type "
            "square_feet");
    becomes(f, "ExternalId,AccountExternalId,FirstName,LastName,Title,Email,Phone\n", "x.csv",
            "Contact: external_id ACCOUNT first_name last_name title email phone");
    becomes(f,
            "ExternalId,FirstName,LastName,Email,Phone,Street,City,State,PostalCode,Occupation,"
            "YearlyIncome\n",
            "x.csv",
            "Lead: external_id first_name last_name email phone address_street address_city "
            "address_region address_postal_code occupation yearly_income");
    becomes(f, "ExternalId,Username,FirstName,Title,TerritoryExternalId,Email,Phone\n", "x.csv",
            "User: external_id login FIRST title territory_id email phone");
    becomes(f, "ExternalId,Name,OwnerExternalId,TerritoryExternalId\n", "/leads/2026/accounts.csv",
            "Account: external_id name owner_id territory_id"); /* its folder is no name of it */
    becomes(f, "ExternalId,Name,CountryCode,Group\n", "x.csv",
            "Territory: external_id name country region_group");
    becomes(f, "UserExternalId,TerritoryExternalId,StartDate,EndDate\n", "x.csv",
            "TerritoryAssignment: user_id territory_id valid_from valid_to");
    becomes(f, "ExternalId,ProductCode,Name,Family,Subfamily,ListPrice,StandardCost\n", "x.csv",
            "Product: external_id code name family subfamily list_price standard_cost");
    becomes(f, "ProductExternalId,StartDate,EndDate,ListPrice\n", "x.csv",
            "PriceItem: product_id valid_from valid_to price");
}

static void test_exports_of_other_programs(void **state) {
    fixture *f = *state;

    becomes(f,
            "Id,Account Name,Parent Account ID,Billing State/Province,Billing Zip/Postal Code,"
            "Website,Employees,Account Owner\n",
            "report.csv",
            "Account: external_id name parent_id billing_region billing_postal_code website "
            "number_of_employees owner_id");
    becomes(f,
            "Record ID,Company name,Phone Number,Street Address,State/Region,Year Founded,"
            "Company owner\n",
            "hubspot-crm-exports-all-companies.csv",
            "Account: external_id name phone billing_street billing_region year_started owner_id");
    becomes(f,
            "id,name,phone_office,billing_address_street,billing_address_postalcode,annual_revenue,"
            "assigned_user_id\n",
            "suitecrm.csv",
            "Account: external_id name phone billing_street billing_postal_code annual_revenue "
            "owner_id");
    becomes(f,
            "Contact ID;First Name;Last Name;Associated Company ID;Mobile Phone Number;Fax;"
            "Email Opt Out\n",
            "c.csv",
            "Contact: external_id first_name last_name ACCOUNT METHOD METHOD do_not_email");
}

static void test_the_name_of_the_file_decides_between_equals(void **state) {
    fixture *f = *state;

    refused(f, "Id,First Name,Last Name,Email\n", "export.csv", NULL, NULL, "--entity");
    becomes(f, "Id,First Name,Last Name,Email\n", "my-contacts.csv",
            "Contact: external_id first_name last_name email");
    becomes(f, "Id,First Name,Last Name,Email\n", "Leads 2026.csv",
            "Lead: external_id first_name last_name email");
}

static void test_what_is_unknown_is_left_out(void **state) {
    fixture *f = *state;

    becomes(f, "Id,Name,Billing City,Shoe size,\n", "accounts.csv",
            "Account: external_id name billing_city - -");
    becomes(f, "Id,Name,Billing City,City,Industry__c\n", "accounts.csv",
            "Account: external_id name billing_city - industry_c");
}

static void test_a_map_comes_first(void **state) {
    fixture *f = *state;

    assert_int_equal(map(f, "Kunde,Nr,Ort\n", "x.csv", "accounts",
                         "# ours\nKunde = name\nNr=external_id\nOrt=-\n"),
                     ROVE_OK);
    assert_int_equal(f->m.columns[0].ordinal, rove__entity_field_named(f->m.entity, "name"));
    assert_int_equal(f->m.key, 1);
    assert_true(f->m.columns[2].silenced);
    assert_int_equal(map(f, "Kunde,Nr\n", "x.csv", "Account", "Kunde=name,Nr=external_id"),
                     ROVE_OK);
    refused(f, "Kunde\n", "x.csv", "Account", "Kunde", "Header=field");
    refused(f, "Kunde\n", "x.csv", "Account", "Kunde=nom", "no field 'nom'");
    refused(f, "Kunde\n", "x.csv", "Account", "Client=name", "'Client'");
}

static void test_files_that_cannot_be_imported(void **state) {
    fixture *f = *state;

    refused(f, "UserExternalId,QuotaDate,Amount\n", "quotas.csv", NULL, NULL,
            "Quotas are not kept");
    refused(f, "ExternalId,Description,DiscountPct,Type,Category,StartDate,EndDate,MinQty,MaxQty\n",
            "special_offers.csv", NULL, NULL, "Special offers are not kept");
    refused(f, "State,TerritoryExternalId\n", "states.csv", NULL, NULL, "--leads-by");
    refused(f, "a,b,c\n", "x.csv", NULL, NULL, "--entity");
    refused(f, "Id,Phone\n", "x.csv", "Account", NULL, "Account.name");
    refused(f, "Id,Name,Name\n", "x.csv", "Account", NULL, "twice");
    refused(f, "Id,N\xff\n", "x.csv", "Account", NULL, "UTF-8");
    assert_null(mapping_entity(f->registry, "Visit"));
    assert_null(mapping_entity(f->registry, "Quota"));
    assert_string_equal(mapping_entity(f->registry, "price items")->name, "PriceItem");
}

static int setup(void **state) {
    static fixture f;

    f.allocator = heap_allocator(&f.memory);
    rove__arena_init(&f.arena, &f.allocator, 4 * 1024 * 1024);
    *state = &f;
    return rove__registry_new(&f.allocator, &f.registry) == ROVE_OK ? 0 : -1;
}

static int teardown(void **state) {
    fixture *f = *state;

    rove__registry_free(f->registry);
    rove__arena_free(&f->arena);
    return f->memory.alive == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_the_files_of_the_demo),
        TEST(test_exports_of_other_programs),
        TEST(test_the_name_of_the_file_decides_between_equals),
        TEST(test_what_is_unknown_is_left_out),
        TEST(test_a_map_comes_first),
        TEST(test_files_that_cannot_be_imported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
