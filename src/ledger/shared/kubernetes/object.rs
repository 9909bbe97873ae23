//! Objects: what a register's value is among an object's fields, and what is shown beside it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::keel::time::Wall;
use crate::ledger::shared::store::{Register, Version};
use crate::ledger::shared::text::Lease;

/// How often an object was written. A write that changes nothing is none to Kubernetes, and leaves
/// the version as it was; with this each changes something.
const WRITES: &str = "evenkeel.io/writes";

/// The lease's text. What its `spec` says is made of it, for people and tools.
const LEASE: &str = "evenkeel.io/lease";

/// The key in a `ConfigMap`.
const KEY: &str = "ledger";

/// An object as the server knows it. Whatever others have put there stays: labels, annotations.
#[derive(Clone, Debug)]
pub(super) struct Object {
    fields: Value,
    version: Version,
}

impl Object {
    /// Reads an answer.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let fields: Value =
            serde_json::from_slice(body).map_err(|_| "its answer is no JSON".to_owned())?;
        let map = |value: &Value| value.is_object() || value.is_null();
        if !map(&fields["metadata"]["annotations"]) || !map(&fields["spec"]) {
            return Err("its answer is no object of Kubernetes".to_owned());
        }
        match fields["metadata"]["resourceVersion"].as_str() {
            // To a server these two mean: overwrite, whatever is there.
            None | Some("" | "0") => Err("its answer has no `resourceVersion`".to_owned()),
            Some(version) => Ok(Self { version: Version(version.to_owned()), fields }),
        }
    }

    pub(super) const fn version(&self) -> &Version {
        &self.version
    }

    /// The register's value; empty where nothing was written yet.
    pub(super) fn value(&self, register: Register) -> Result<Vec<u8>, String> {
        let fields = &self.fields;
        let (text, base64) = match register {
            Register::Lease => (&fields["metadata"]["annotations"][LEASE], &Value::Null),
            Register::Head | Register::Segment(_) => {
                (&fields["data"][KEY], &fields["binaryData"][KEY])
            }
        };
        match (text.as_str(), base64.as_str()) {
            (Some(text), _) => Ok(text.as_bytes().to_vec()),
            (None, Some(text)) => {
                BASE64_STANDARD.decode(text).map_err(|_| "its `binaryData` is none".to_owned())
            }
            (None, None) => Ok(Vec::new()),
        }
    }

    /// All but the content of a `ConfigMap`, which is not needed to write another one.
    pub(super) fn without_content(mut self) -> Self {
        if let Some(fields) = self.fields.as_object_mut() {
            fields.remove("data");
            fields.remove("binaryData");
        }
        self
    }

    /// The body of a PUT that gives the register this value, under the version that was read.
    pub(super) fn with(self, register: Register, value: &[u8], now: Wall) -> Result<Value, String> {
        let Self { mut fields, .. } = self.without_content();
        let annotations = &mut fields["metadata"]["annotations"];
        let writes = annotations[WRITES].as_str().and_then(|text| text.parse::<u64>().ok());
        annotations[WRITES] = (writes.unwrap_or(0) + 1).to_string().into();
        match (register, std::str::from_utf8(value)) {
            (Register::Lease, Ok(text)) => {
                annotations[LEASE] = text.into();
                if let Ok(lease) = Lease::read(value) {
                    show(&mut fields["spec"], lease, now);
                }
            }
            (Register::Lease, Err(_)) => return Err("a lease has to be text".to_owned()),
            // So that `kubectl get` shows what is in it.
            (Register::Head | Register::Segment(_), Ok(text)) => {
                fields["data"] = json!({ KEY: text });
            }
            (Register::Head | Register::Segment(_), Err(_)) => {
                fields["binaryData"] = json!({ KEY: BASE64_STANDARD.encode(value) });
            }
        }
        Ok(fields)
    }
}

/// Says in a `Lease` what `kubectl get lease` and others expect there. The times are this
/// machine's, and nothing here reads them.
fn show(spec: &mut Value, lease: Lease, now: Wall) {
    let Lease { holder, length, count: _ } = lease;
    let time = now.timestamp().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let before = spec["holderIdentity"].take();
    if let Some(holder) = &holder
        && before.as_str() != Some(holder)
    {
        // The first one takes it from nobody.
        let taken = u64::from(!spec["acquireTime"].is_null());
        spec["leaseTransitions"] = (spec["leaseTransitions"].as_u64().unwrap_or(0) + taken).into();
        spec["acquireTime"] = time.as_str().into();
    }
    // Without one, `null` is as good as no such field.
    spec["holderIdentity"] = holder.into();
    spec["leaseDurationSeconds"] =
        u64::try_from(length.as_millis().div_ceil(1000)).unwrap_or(1).into();
    spec["renewTime"] = time.into();
}
