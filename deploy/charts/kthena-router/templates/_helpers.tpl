{{/* What Helm's own conventions ask for, on every object. */}}
{{- define "kthena-router.release-labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Roles for the whole cluster carry the namespace, so that each can have a release. */}}
{{- define "kthena-router.cluster-name" -}}
kthena-router-{{ .Release.Namespace }}
{{- end }}

{{/* The seconds of a duration as 1m30s. */}}
{{- define "kthena-router.seconds" -}}
{{- $seconds := 0.0 -}}
{{- range regexFindAll "[0-9.]+[hms]+" . -1 -}}
{{- $unit := regexFind "[hms]+$" . -}}
{{- $seconds = addf $seconds (mulf (trimSuffix $unit . | float64) (get (dict "h" 3600.0 "m" 60.0 "s" 1.0 "ms" 0.001) $unit)) -}}
{{- end -}}
{{- $seconds -}}
{{- end }}

{{/* Kubernetes kills what runs on after the grace period, so it may not be shorter than the router's own way to the end. */}}
{{- define "kthena-router.check-grace-period" -}}
{{- $router := .Values.networking.kthenaRouter -}}
{{- $needed := 0.0 -}}
{{- range list $router.drainTimeout (get $router.flags "shutdown-delay" | default "5s") (get $router.flags "stall-timeout" | default "60s") -}}
{{- $needed = addf $needed (include "kthena-router.seconds" . | float64) -}}
{{- end -}}
{{- if gt $needed (float64 $router.terminationGracePeriodSeconds) -}}
{{- fail (printf "networking.kthenaRouter.terminationGracePeriodSeconds is %v: drainTimeout, shutdown-delay and stall-timeout together are %v seconds" $router.terminationGracePeriodSeconds $needed) -}}
{{- end -}}
{{- end }}

{{/* A value as it stands on a command line: numbers of JSON are not to come out as 3.3e+07. */}}
{{- define "kthena-router.word" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end -}}
{{- end }}
