//! The two ways to change a resource, from one list of its fields: PATCH keeps what is omitted, PUT takes every field.

use serde::{Deserialize, Deserializer};

/// Declares the inputs of both, and PUT itself: it is the PATCH that gives every field.
///
/// Fields under `nullable` can be null. Those under `secrets` are never shown, so that PUT may leave them out too, and
/// then they stay. Fields under `later` belong to parts of Argos that do not exist yet and are refused unless they ask
/// for what happens anyway.
macro_rules! changes {
    (
        $(#[$patch_doc:meta])* $patch:ident,
        $(#[$put_doc:meta])* $put:ident
        at { $($(#[$at_meta:meta])* $at:ident : $at_type:ty,)* }
        fields { $($(#[$own_meta:meta])* $own:ident : $own_type:ty,)* }
        nullable { $($(#[$null_meta:meta])* $null:ident : $null_type:ty,)* }
        $(secrets { $($(#[$secret_meta:meta])* $secret:ident,)* })?
        later { $($(#[$later_meta:meta])* $later:ident : $later_type:ty = $inert:expr,)* }
    ) => {
        $(#[$patch_doc])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $patch {
            $($(#[$at_meta])* pub $at: $at_type,)*
            $(
                $(#[$own_meta])*
                #[serde(default, deserialize_with = "crate::api::changes::not_null")]
                pub $own: Option<$own_type>,
            )*
            $($(#[$null_meta])* #[serde(default)] pub $null: $crate::schema::Patch<$null_type>,)*
            $($(
                $(#[$secret_meta])*
                #[serde(default)]
                pub $secret: $crate::schema::Patch<$crate::schema::SecretText>,
            )*)?
            $(
                $(#[$later_meta])*
                #[serde(default, deserialize_with = "crate::api::changes::not_null")]
                pub $later: Option<$later_type>,
            )*
        }

        impl $patch {
            /// A change of nothing yet.
            #[must_use]
            pub fn new($($at: $at_type),*) -> Self {
                Self { $($at,)* $($own: None,)* $($null: $crate::schema::Patch::Keep,)*
                    $($($secret: $crate::schema::Patch::Keep,)*)? $($later: None,)* }
            }

            fn refuse_later(&self) -> Result<()> {
                $($crate::api::not_yet(stringify!($later), self.$later.clone(), &$inert)?;)*
                Ok(())
            }
        }

        $(#[$put_doc])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $put {
            $($(#[$at_meta])* pub $at: $at_type,)*
            $($(#[$own_meta])* pub $own: $own_type,)*
            $(
                $(#[$null_meta])*
                #[serde(deserialize_with = "crate::api::changes::not_omitted")]
                pub $null: Option<$null_type>,
            )*
            $($(
                $(#[$secret_meta])*
                #[serde(default)]
                pub $secret: $crate::schema::Patch<$crate::schema::SecretText>,
            )*)?
            $($(#[$later_meta])* pub $later: $later_type,)*
        }

        impl From<$put> for $patch {
            fn from(whole: $put) -> Self {
                Self {
                    $($at: whole.$at,)*
                    $($own: Some(whole.$own),)*
                    $($null: whole.$null.map_or($crate::schema::Patch::Clear, $crate::schema::Patch::Set),)*
                    $($($secret: whole.$secret,)*)?
                    $($later: Some(whole.$later),)*
                }
            }
        }

        impl Mutation for $put {
            fn run(self, tx: &Tx<'_>, cx: &Context) -> Result<Self::Output> {
                $patch::from(self).run(tx, cx)
            }
        }
    };
}
pub(super) use changes;

/// Reads a field that may be omitted and may not be null.
pub(super) fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

/// Reads a field that may be null and may not be omitted.
pub(super) fn not_omitted<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(d)
}
