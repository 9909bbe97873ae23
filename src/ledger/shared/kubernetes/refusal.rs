//! What an API server has against a request, and what to do about it.

use serde::Deserialize;

use super::Target;

#[derive(Deserialize)]
struct Status {
    kind: String,
    #[serde(default)]
    message: String,
}

impl Target {
    /// An answer that is neither a success nor a conflict.
    pub(super) fn refused(&self, status: u16, body: &[u8], who: &str) -> String {
        let Self { kind, resource, group, name, namespace } = self;
        let said = match serde_json::from_slice::<Status>(body) {
            Ok(Status { kind, message }) if kind == "Status" => message,
            Ok(_) | Err(_) => {
                let text: String = String::from_utf8_lossy(body).chars().take(100).collect();
                return format!(
                    "HTTP {status}, and not from a Kubernetes API: `{}`; is the address right?",
                    text.trim()
                );
            }
        };
        match status {
            401 => format!("HTTP 401: {said}: it does not know {who}, or no longer"),
            403 => format!(
                "HTTP 403: {said}; its Role needs this rule: apiGroups: [\"{group}\"], resources: \
                 [{resource}], resourceNames: [{name}], verbs: [get, update]"
            ),
            404 => format!(
                "there is no {kind} `{name}` in the namespace `{namespace}`, and nothing makes one \
                 by itself; `{}` does. Where one has been, it is to begin with every limit used \
                 up: set `limits.new_ledger: spent` before",
                self.make()
            ),
            413 | 422 => format!(
                "HTTP {status}: {said}; a {kind} holds 1 MiB at most, and must not be `immutable`"
            ),
            _ => format!("HTTP {status}: {said}"),
        }
    }

    /// The command that makes an empty one.
    fn make(&self) -> String {
        let Self { kind, name, namespace, .. } = self;
        if *kind == "ConfigMap" {
            return format!("kubectl create configmap {name} -n {namespace}");
        }
        // kubectl has no shorter way to one.
        format!(
            "echo '{{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":\
             {{\"name\":\"{name}\"}}}}' | kubectl create -n {namespace} -f -"
        )
    }
}

/// What to do about a connection that did not come about.
pub(super) fn hint(fault: &str) -> &'static str {
    let hints = [
        ("UnknownIssuer", "; it is not by the CA that is to be trusted: is that this cluster's?"),
        ("NotValidForName", "; its certificate is for other names: ask it by one of those"),
        ("Expired", "; renew its certificate, or set this machine's clock right"),
        ("NotValidYet", "; set this machine's clock right"),
    ];
    hints.iter().find(|(word, _)| fault.contains(word)).map_or("", |(_, hint)| hint)
}
