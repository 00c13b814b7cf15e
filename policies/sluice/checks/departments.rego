# METADATA
# title: Departments, by path
# description: |
#   The first folder is the department's: /documents/finance/q3.pdf is for those whose claim department
#   is finance, for overseers by role, and nobody else. Folders of for_all are every department's.
package sluice.checks.departments

import data.sluice.request

default passes := false

passes if {
	is_string(input.jwt_claims.department)
	input.jwt_claims.department == request.folder
}

passes if {
	is_string(input.jwt_claims.department)
	some folder in request.rules.departments.for_all
	folder == request.folder
}

passes if {
	some role in request.rules.departments.overseers
	role in request.roles
}

reason := "belongs to another department"
