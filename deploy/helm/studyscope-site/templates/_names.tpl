{{- define "site.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}-exporter{{- end -}}

{{- define "site.selector" -}}
app.kubernetes.io/name: studyscope-exporter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "site.labels" -}}
{{ include "site.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "site.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end -}}

{{/* Kubernetes takes no other size for a set that is there, and its own refusal leaves a failed release behind. */}}
{{- define "site.size" -}}
{{- $there := lookup "apps/v1" "StatefulSet" .Release.Namespace (include "site.name" .) -}}
{{- if $there -}}
{{- $size := (index $there.spec.volumeClaimTemplates 0).spec.resources.requests.storage -}}
{{- if ne $size .Values.state.size -}}
{{- fail (printf "state.size: stays %s while the release is there, for Kubernetes allows no other; to have more space, grow the claim: kubectl -n %s edit pvc state-%s-0" $size .Release.Namespace (include "site.name" .)) -}}
{{- end -}}
{{- end -}}
{{ .Values.state.size }}
{{- end -}}
