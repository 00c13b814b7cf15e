# METADATA
# title: Working hours
# description: |
#   rules.hours has zone, days, from and to ("08:00" is in, "18:00" is out). The time is input.time
#   where the bucket's input asks for it, and what is remembered then ends with its minute; else it is
#   OPA's own, and a decision may be as old as cache_ttl_seconds.
package sluice.checks.hours

import data.sluice.request

default passes := false

passes if {
	hours := request.rules.hours
	time.weekday([now_ns, hours.zone]) in hours.days
	[hour, minute, _] := time.clock([now_ns, hours.zone])
	at := (60 * hour) + minute
	at >= minutes(hours.from)
	at < minutes(hours.to)
}

now_ns := time.parse_rfc3339_ns(input.time) if input.time

else := time.now_ns() if not input.time

minutes(clock) := (60 * to_number(hour)) + to_number(minute) if {
	[hour, minute] := split(clock, ":")
}

reason := "is outside working hours"
