package sluice.tests.checks

import data.sluice.checks

passes(check, bucket, path, claims) := verdict if {
	verdict := checks[check].passes with input as {
		"jwt_claims": claims,
		"bucket": bucket,
		"path": path,
		"method": "GET",
		"client_ip": "192.0.2.1",
	}
}

test_public_ends_on_a_slash if {
	passes("public", "downloads", "/downloads/free/a", null)
	passes("public", "downloads", "/downloads/free/a/b", null)
	not passes("public", "downloads", "/downloads/free", null)
	not passes("public", "downloads", "/downloads/freedom/a", null)
	not passes("public", "downloads", "/downloads//free/a", null)
	not passes("public", "downloads", "/other/downloads/free/a", null)
	not passes("public", "tenants", "/tenants/free/a", null)
}

test_a_public_prefix_without_its_slash_opens_nothing if {
	rules := {"odd": {"prefix": "/odd", "public": ["free", ""]}}
	not passes("public", "odd", "/odd/free/a", null) with data.sluice.rules.buckets as rules
}

test_a_role_or_one_of_several if {
	passes("roles", "downloads", "/downloads/a", {"role": "staff"})
	passes("roles", "downloads", "/downloads/a", {"roles": ["other", "customer"]})
	not passes("roles", "downloads", "/downloads/a", {"roles": "customer"})
	not passes("roles", "downloads", "/downloads/a", {"roles": []})
	not passes("roles", "downloads", "/downloads/a", {"role": ["customer"]})
	not passes("roles", "downloads", "/downloads/a", {})
	not passes("roles", "downloads", "/downloads/a", null)
}

test_the_first_folder_is_the_departments if {
	passes("departments", "documents", "/documents/finance/q3.pdf", {"department": "finance"})
	passes("departments", "documents", "/documents/finance/2026/q3.pdf", {"department": "finance"})
	not passes("departments", "documents", "/documents/finance/q3.pdf", {"department": "sales"})
	not passes("departments", "documents", "/documents/financed/q3.pdf", {"department": "finance"})
	not passes("departments", "documents", "/documents/sales/finance/a", {"department": "finance"})
	not passes("departments", "documents", "/documents/finance", {"department": "finance"})
	not passes("departments", "documents", "/documents//finance/a", {"department": "finance"})
	not passes("departments", "documents", "/documents//a", {"department": ""})
	not passes("departments", "documents", "/documents/finance/q3.pdf", null)
}

test_what_is_for_all_departments_and_who_oversees_them if {
	passes("departments", "documents", "/documents/handbook/a", {"department": "sales"})
	not passes("departments", "documents", "/documents/handbook/a", {"role": "customer"})
	passes("departments", "documents", "/documents/finance/q3.pdf", {"role": "auditor"})
	not passes("departments", "documents", "/documents/finance/q3.pdf", {"role": "auditors"})
}

test_a_tenant_has_its_own_folder if {
	passes("tenants", "tenants", "/tenants/acme/a.png", {"tenant": "acme"})
	not passes("tenants", "tenants", "/tenants/acme/a.png", {"tenant": "globex"})
	not passes("tenants", "tenants", "/tenants/acme-2/a.png", {"tenant": "acme"})
	not passes("tenants", "tenants", "/tenants/", {"tenant": ""})
	not passes("tenants", "tenants", "/tenants/acme/a.png", {"tenant": ["acme"]})
	not passes("tenants", "tenants", "/tenants/acme/a.png", null)
}

at(instant) := verdict if {
	verdict := checks.hours.passes with input as {
		"jwt_claims": {"role": "payroll"},
		"bucket": "payroll",
		"path": "/payroll/a",
		"method": "GET",
		"client_ip": "192.0.2.1",
		"time": instant,
	}
}

# Berlin is an hour before UTC in winter, two in summer.
test_working_hours_are_those_of_the_zone if {
	at("2026-11-18T07:00:00Z")
	at("2026-11-18T16:59:00Z")
	not at("2026-11-18T06:59:00Z")
	not at("2026-11-18T17:00:00Z")
	at("2026-07-15T06:00:00Z")
	not at("2026-07-15T16:00:00Z")
}

test_the_weekend_is_none if {
	not at("2026-11-21T10:00:00Z")
	not at("2026-11-22T10:00:00Z")
	at("2026-11-23T10:00:00Z")
}

test_without_a_time_it_is_now if {
	wednesday := time.parse_rfc3339_ns("2026-11-18T10:00:00Z")
	saturday := time.parse_rfc3339_ns("2026-11-21T10:00:00Z")
	passes("hours", "payroll", "/payroll/a", {}) with time.now_ns as wednesday
	not passes("hours", "payroll", "/payroll/a", {}) with time.now_ns as saturday
}

test_a_time_that_is_none_is_not_now if {
	wednesday := time.parse_rfc3339_ns("2026-11-18T10:00:00Z")
	not at("midday") with time.now_ns as wednesday
}

test_hours_that_are_not_given_are_never if {
	rules := {"odd": {"prefix": "/odd"}}
	not passes("hours", "odd", "/odd/a", {}) with data.sluice.rules.buckets as rules
}
