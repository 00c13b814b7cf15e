{{- define "sluice.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "sluice.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sluice.labels" -}}
{{ include "sluice.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "sluice.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "sluice.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{- define "sluice.kind" -}}
{{- if .Values.persistence.enabled }}StatefulSet{{ else }}Deployment{{ end }}
{{- end }}

{{/* The configuration file: what the chart knows goes before what was given. */}}
{{- define "sluice.config" -}}
{{- if not .Values.config.buckets }}{{ fail "config.buckets: name at least one bucket (see the chart's README.md)" }}{{ end }}
{{- $shutdown := dict "lame_duck" (printf "%ds" (int .Values.shutdown.lameDuckSeconds)) "drain" (printf "%ds" (int .Values.shutdown.drainSeconds)) }}
{{- $server := dict "address" "0.0.0.0:8080" "threads" (int .Values.threads) "shutdown" $shutdown }}
{{- if not .Values.rolloutOnConfigChange }}{{ $_ := set $server "reload" (dict "watch" true) }}{{ end }}
{{- $cache := dict "disk" (dict "cache_dir" "/var/cache/sluice") }}
{{- $own := dict "server" $server "cache" $cache "admin" (dict "address" "0.0.0.0:9090") }}
{{- mustMergeOverwrite (deepCopy .Values.config) $own | toYaml }}
{{- end }}
