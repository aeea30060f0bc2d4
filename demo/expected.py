#!/usr/bin/env python3
"""What the demo has to find, computed from the CSV files alone and in another language than the code it checks.

    expected.py            lines of "key value"
    expected.py --states   adventureworks/states.csv anew: the territory that most accounts of each US state are in
"""
import collections
import csv
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent / "adventureworks"
REP = "275"
OTHER = "277"
SWAP = {REP: "2", OTHER: "3"}  # the territory that each gives to the other

CODES = dict(line.split("=") for line in """
Alabama=AL Alaska=AK Arizona=AZ Arkansas=AR California=CA Colorado=CO Connecticut=CT Delaware=DE Florida=FL Georgia=GA
Hawaii=HI Idaho=ID Illinois=IL Indiana=IN Iowa=IA Kansas=KS Kentucky=KY Louisiana=LA Maine=ME Maryland=MD
Massachusetts=MA Michigan=MI Minnesota=MN Mississippi=MS Missouri=MO Montana=MT Nebraska=NE Nevada=NV
New_Hampshire=NH New_Jersey=NJ New_Mexico=NM New_York=NY North_Carolina=NC North_Dakota=ND Ohio=OH Oklahoma=OK
Oregon=OR Pennsylvania=PA Rhode_Island=RI South_Carolina=SC South_Dakota=SD Tennessee=TN Texas=TX Utah=UT Vermont=VT
Virginia=VA Washington=WA West_Virginia=WV Wisconsin=WI Wyoming=WY
""".split())


def rows(name):
    with open(FOLDER / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def territories_of_states():
    """State code -> territory: the one with most accounts, of equals the lower number."""
    seen = collections.defaultdict(collections.Counter)
    for account in rows("accounts"):
        if account["BillingCountry"] == "United States":
            code = CODES[account["BillingState"].replace(" ", "_")]
            seen[code][account["TerritoryExternalId"]] += 1
    return {code: min(counts, key=lambda t, c=counts: (-c[t], int(t))) for code, counts in sorted(seen.items())}


def report():
    accounts, contacts, leads = rows("accounts"), rows("contacts"), rows("leads")
    for name in ("users", "territories", "territory_history", "accounts", "contacts", "products",
                 "price_history", "leads"):
        print(name, len(rows(name)))
    methods = sum(bool(c["Email"]) + bool(c["Phone"]) for c in contacts)
    print("contact_methods", methods)
    own = {a["ExternalId"] for a in accounts if a["OwnerExternalId"] == REP}
    his = [c for c in contacts if c["AccountExternalId"] in own]
    print("rep_accounts", len(own))
    print("rep_contacts", len(his))
    print("rep_contact_methods", sum(bool(c["Email"]) + bool(c["Phone"]) for c in his))
    print("rep_account_sum", sum(int(a["ExternalId"]) for a in accounts if a["ExternalId"] in own))
    print("rep_contact_sum", sum(int(c["ExternalId"]) for c in his))
    print("rep_revenue_cents", sum(int(a["AnnualRevenue"]) * 100 for a in accounts if a["ExternalId"] in own))
    other = {a["ExternalId"] for a in accounts if a["OwnerExternalId"] == OTHER}
    goes = {who: {a["ExternalId"] for a in accounts
                  if a["OwnerExternalId"] == who and a["TerritoryExternalId"] == territory}
            for who, territory in SWAP.items()}
    print("other_accounts", len(other))
    for name, now in (("rep", own - goes[REP] | goes[OTHER]), ("other", other - goes[OTHER] | goes[REP])):
        print(f"{name}_accounts_swapped", len(now))
        print(f"{name}_account_sum_swapped", sum(map(int, now)))
    territories = territories_of_states()
    placed = [territories[lead["State"]] for lead in leads if lead["State"] in territories]
    print("leads_in_territories", len(placed))
    print("leads_in_pool", len(leads) - len(placed))
    print("leads_in_territory_1", placed.count("1"))


def states():
    with open(FOLDER / "states.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["State", "TerritoryExternalId"])
        writer.writerows(territories_of_states().items())


if __name__ == "__main__":
    states() if sys.argv[1:] == ["--states"] else report()
