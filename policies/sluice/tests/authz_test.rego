package sluice.tests.authz

import data.sluice.authz

request(bucket, path, claims) := {
	"jwt_claims": claims,
	"bucket": bucket,
	"path": path,
	"method": "GET",
	"client_ip": "192.0.2.1",
}

decide(bucket, path, claims) := decision if {
	decision := authz.decision with input as request(bucket, path, claims)
}

test_what_is_public_needs_no_token if {
	decide("downloads", "/downloads/free/a.zip", null) == {"allow": true, "reason": "public"}
	decide("documents", "/documents/press/a.pdf", null).allow
}

test_the_rest_needs_the_role if {
	decide("downloads", "/downloads/a.zip", {"role": "customer"}) == {"allow": true, "reason": "roles"}
	decide("downloads", "/downloads/a.zip", {"role": "stranger"}) == {
		"allow": false,
		"reason": "roles: needs another role",
	}
	not decide("downloads", "/downloads/a.zip", null).allow
}

test_all_checks_must_pass_and_all_reasons_are_told if {
	night := object.union(
		request("payroll", "/payroll/a.pdf", {"role": "stranger"}),
		{"time": "2026-11-18T22:00:00Z"},
	)
	authz.decision.reason == "hours: is outside working hours; roles: needs another role" with input as night
}

test_a_bucket_without_rules_lets_nobody_in if {
	decide("unheard-of", "/unheard-of/a", {"role": "staff"}) == {
		"allow": false,
		"reason": "the bucket has no rules",
	}
}

test_rules_that_require_nothing_let_nobody_in if {
	rules := {"bare": {"prefix": "/bare"}, "empty": {"prefix": "/empty", "require": []}}
	not decide("bare", "/bare/a", {}).allow with data.sluice.rules.buckets as rules
	not decide("empty", "/empty/a", {}).allow with data.sluice.rules.buckets as rules
}

test_a_check_that_does_not_exist_lets_nobody_in if {
	rules := {"odd": {"prefix": "/odd", "require": ["rolse"]}}
	decision := decide("odd", "/odd/a", {"role": "staff"}) with data.sluice.rules.buckets as rules
	decision == {"allow": false, "reason": "rolse: there is no such check"}
}

test_allow_is_the_decision_without_its_reason if {
	authz.allow with input as request("downloads", "/downloads/free/a", null)
	authz.allow == false with input as request("downloads", "/downloads/a", null)
	authz.allow == false with input as {}
}
