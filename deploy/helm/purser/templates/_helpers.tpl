{{- define "purser.name" -}}
{{- if contains "purser" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-purser" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Labels of a part: (list . "extproc"). */}}
{{- define "purser.selector" -}}
app.kubernetes.io/name: purser
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "purser.labels" -}}
{{ include "purser.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{- define "purser.image" -}}
{{ (index . 0).Values.image.repository }}/{{ index . 1 }}:{{ (index . 0).Values.image.tag | default (index . 0).Chart.AppVersion }}
{{- end }}

{{- define "purser.secret" -}}
{{ .Values.secret.existing | default (include "purser.name" .) }}
{{- end }}

{{- define "purser.configMap" -}}
{{ .Values.existingConfigMap | default (printf "%s-config" (include "purser.name" .)) }}
{{- end }}

{{- define "purser.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "purser.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{/* What every pod of ours is held to. */}}
{{- define "purser.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "purser.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* An environment from NAME: value, the second over the first, and what is fixed over both: (list first second fixed). */}}
{{- define "purser.environment" -}}
{{- range $name, $value := mustMerge (dict) (index . 2) (index . 1) (index . 0) }}
- {name: {{ $name }}, value: {{ $value | toString | quote }}}
{{- end }}
{{- end }}

{{/* Where pods land: each on a node and in a zone of its own as far as there are enough. (list . "extproc") */}}
{{- define "purser.placement" -}}
{{- $part := index (index . 0).Values (index . 1) }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "purser.selector" $ | nindent 8 }}
  {{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What cannot work is refused here. */}}
{{- define "purser.check" -}}
{{- if not .Values.secret.existing }}
{{- $_ := required "secret.masterKey is needed, or secret.existing" .Values.secret.masterKey }}
{{- $_ := required "secret.databaseURL is needed, or secret.existing" .Values.secret.databaseURL }}
{{- if and (not .Values.secret.redisURL) (or (gt (int .Values.extproc.replicas) 1) .Values.extproc.autoscaling.enabled) }}
{{- fail "more than one extproc needs secret.redisURL: without Redis each would count for itself, and limits would be passed" }}
{{- end }}
{{- end }}
{{- $xds := .Values.adminsvc.xds }}
{{- if and $xds.enabled (not $xds.tlsSecret) (not $xds.insecure) }}
{{- fail "adminsvc.xds carries providers' credentials: give adminsvc.xds.tlsSecret, or insecure: true where a mesh encrypts it" }}
{{- end }}
{{- end }}
