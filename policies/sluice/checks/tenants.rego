# METADATA
# title: Tenants
# description: /tenants/acme/a.png is for those whose claim tenant is acme.
package sluice.checks.tenants

import data.sluice.request

default passes := false

passes if {
	is_string(input.jwt_claims.tenant)
	input.jwt_claims.tenant == request.folder
}

reason := "belongs to another tenant"
