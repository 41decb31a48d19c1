{{- define "centre.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}-aggregator{{- end -}}

{{- define "centre.selector" -}}
app.kubernetes.io/name: studyscope-aggregator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "centre.labels" -}}
{{ include "centre.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* Not empty where the pod is given a secret. */}}
{{- define "centre.hasSecrets" -}}
{{ .Values.keySecret }}{{ .Values.mailLinksSecret }}{{ .Values.access.openid.clientSecret }}
{{- end -}}

{{- define "centre.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end -}}
