//! The typed handles, such as `argos.hosts().create(…)`, and the call by name, both from the registry.

use serde_json::{Map, Value};

use super::form::Form;
use super::{Applied, Argos, Reply, memo};
use crate::api::*;
use crate::error::{Error, Result};
use crate::schema::{GroupId, HostId};

macro_rules! handles {
    ($($(#[$doc:meta])* $resource:ident : $handle:ident $parent:tt {
        $($verb:ident : $kind:ident $op:ident),+ $(,)?
    })+) => {
        $(
            handles!(@handle $parent $handle $resource [$(#[$doc])*]);
            impl $handle<'_> {
                $(handles!(@verb $parent $kind $verb $op);)+
            }
        )+

        /// Runs the operation called `name`.
        pub(super) fn call<F: Form>(
            argos: &Argos,
            name: &str,
            input: Map<String, Value>,
            form: &F,
        ) -> Result<Reply<F::Made>> {
            match name {
                $($(<$op as Operation>::NAME => handles!(@call $kind argos input form $op),)+)+
                _ => Err(Error::not_found("operation.not_found", format!("operation {name:?}"))),
            }
        }

        /// The answer to the query called `name`, if it is at hand.
        pub(super) fn at_hand<F: Form>(
            argos: &Argos,
            name: &str,
            input: &Map<String, Value>,
            form: &F,
        ) -> Result<Option<Reply<F::Made>>> {
            match name {
                $($(<$op as Operation>::NAME => handles!(@hand $kind argos input form $op),)+)+
                _ => Ok(None),
            }
        }
    };
    (@handle ($($parent:ident : $id:ident)?) $handle:ident $resource:ident [$(#[$doc:meta])*]) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $handle<'a> { argos: &'a Argos, $($parent: $id)? }

        impl Argos {
            $(#[$doc])*
            #[must_use]
            pub fn $resource(&self, $($parent: $id)?) -> $handle<'_> {
                $handle { argos: self, $($parent)? }
            }
        }
    };
    (@verb ($($parent:ident : $id:ident)?) query $verb:ident $op:ident) => {
        #[doc = concat!("See [`", stringify!($op), "`]; a parent is this handle's.\n\n# Errors\nThose of the operation.")]
        pub fn $verb(&self, op: impl Into<$op>) -> Result<<$op as Operation>::Output> {
            self.argos.query(handles!(@scoped self $op op $($parent)?))
        }
    };
    (@verb ($($parent:ident : $id:ident)?) change $verb:ident $op:ident) => {
        #[doc = concat!("See [`", stringify!($op), "`]; a parent is this handle's.\n\n# Errors\nThose of the operation.")]
        pub fn $verb(&self, op: impl Into<$op>) -> Result<Applied<<$op as Operation>::Output>> {
            self.argos.change(handles!(@scoped self $op op $($parent)?))
        }
    };
    (@scoped $self:ident $op:ident $given:ident) => { $given.into() };
    (@scoped $self:ident $op:ident $given:ident $parent:ident) => {{
        let mut op: $op = $given.into();
        op.$parent = $self.$parent;
        op
    }};
    (@call query $argos:ident $input:ident $form:ident $op:ident) => { memo::ask::<$op, _>($argos, $input, $form) };
    (@hand query $argos:ident $input:ident $form:ident $op:ident) => { memo::at_hand::<$op, _>($argos, $input, $form) };
    (@hand change $argos:ident $input:ident $form:ident $op:ident) => { Ok(None) };
    (@call change $argos:ident $input:ident $form:ident $op:ident) => {{
        let op: $op = input::into_operation($input)?;
        let done = $argos.change(op)?;
        reply::<$op, _>(done, $form)
    }};
}

for_each_operation!(handles);

fn reply<O: Operation, F: Form>(done: Applied<O::Output>, form: &F) -> Result<Reply<F::Made>> {
    let Applied { value, generation, cookies } = done;
    Ok(Reply { etag: memo::etag::<O>(&value)?, value: form.make(&value)?, generation, cookies })
}
