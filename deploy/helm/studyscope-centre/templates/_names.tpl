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

{{/* Kubernetes takes no other size for a set that is there, and its own refusal leaves a failed release behind. */}}
{{- define "centre.size" -}}
{{- $there := lookup "apps/v1" "StatefulSet" .Release.Namespace (include "centre.name" .) -}}
{{- if $there -}}
{{- $size := (index $there.spec.volumeClaimTemplates 0).spec.resources.requests.storage -}}
{{- if ne $size .Values.store.size -}}
{{- fail (printf "store.size: stays %s while the release is there, for Kubernetes allows no other; to have more space, grow the claim: kubectl -n %s edit pvc store-%s-0" $size .Release.Namespace (include "centre.name" .)) -}}
{{- end -}}
{{- end -}}
{{ .Values.store.size }}
{{- end -}}
