# METADATA
# title: Who has one of the roles
# description: rules.roles.any_of lists them; the token names its own in role or roles.
package sluice.checks.roles

import data.sluice.request

default passes := false

passes if {
	some role in request.rules.roles.any_of
	role in request.roles
}

reason := "needs another role"
