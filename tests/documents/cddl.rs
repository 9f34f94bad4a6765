//! A checker of CDDL (RFC 8610) for what the protocol's page uses: maps, arrays, occurrences, choices, enumerations, `.size`.
//!
//! Reads the rules of the page itself, and knows nothing of the codec.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::diagnostic::Item;

/// The rules of all blocks of the page.
pub(crate) struct Rules(BTreeMap<String, Type>);

#[derive(Debug)]
enum Type {
    Name(String),
    Sized(Box<Self>, RangeInclusive<usize>),
    Number(i128),
    Array(Vec<Entry>),
    Map(Vec<Entry>),
    Enumeration(Vec<i128>),
    Choice(Vec<Self>),
}

/// `? key: type`
#[derive(Debug)]
struct Entry {
    least: usize,
    most: usize,
    key: Option<Type>,
    value: Type,
}

impl Rules {
    /// Reads `name = type`, one after another; `;` begins a comment.
    pub(crate) fn parse<'a>(blocks: impl IntoIterator<Item = &'a str>) -> Self {
        let mut rules = BTreeMap::new();
        for block in blocks {
            let text: String = block
                .lines()
                .map(|line| line.split(';').next().unwrap_or_default())
                .collect::<Vec<_>>()
                .join("\n");
            let mut reader = Reader { tokens: tokens(&text), at: 0 };
            while reader.at < reader.tokens.len() {
                let name = reader.next();
                reader.expect("=");
                let rule = reader.choice();
                assert!(rules.insert(name.clone(), rule).is_none(), "two rules {name}");
            }
        }
        let rules = Self(rules);
        rules.0.values().for_each(|rule| rules.check_names(rule));
        rules
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether `item` is what the rule says.
    pub(crate) fn accept(&self, rule: &str, item: &Item) -> bool {
        self.matches(self.0.get(rule).unwrap_or_else(|| panic!("no rule {rule}")), item)
    }

    /// Every name is a rule, or one of the prelude's that are known here.
    fn check_names(&self, rule: &Type) {
        match rule {
            Type::Name(name) => assert!(
                self.0.contains_key(name)
                    || ["uint", "int", "bool", "bstr", "tstr", "null"].contains(&name.as_str()),
                "{name} is no rule"
            ),
            Type::Sized(inner, _) => self.check_names(inner),
            Type::Choice(types) => types.iter().for_each(|rule| self.check_names(rule)),
            Type::Array(entries) | Type::Map(entries) => {
                entries.iter().for_each(|entry| self.check_names(&entry.value));
            }
            Type::Number(_) | Type::Enumeration(_) => {}
        }
    }

    fn matches(&self, rule: &Type, item: &Item) -> bool {
        match (rule, item) {
            (Type::Choice(types), _) => types.iter().any(|rule| self.matches(rule, item)),
            (Type::Name(name), _) if self.0.contains_key(name) => self.accept(name, item),
            (Type::Name(name), Item::Int(number)) => name == "int" || (name == "uint" && *number >= 0),
            (Type::Name(name), Item::Bool(_)) => name == "bool",
            (Type::Name(name), Item::Null) => name == "null",
            (Type::Name(name), Item::Text(_)) => name == "tstr",
            (Type::Name(name), Item::Bytes(_)) => name == "bstr",
            (Type::Sized(inner, sizes), Item::Bytes(bytes)) => {
                sizes.contains(&bytes.len()) && self.matches(inner, item)
            }
            (Type::Sized(inner, sizes), Item::Text(text)) => {
                sizes.contains(&text.len()) && self.matches(inner, item)
            }
            (Type::Number(expected), Item::Int(number)) => expected == number,
            (Type::Enumeration(numbers), Item::Int(number)) => numbers.contains(number),
            (Type::Array(entries), Item::Array(items)) => self.array(entries, items),
            (Type::Map(entries), Item::Map(pairs)) => self.map(entries, pairs),
            _ => false,
        }
    }

    /// Greedy: on this page nothing that repeats is followed by something of its own kind.
    fn array(&self, entries: &[Entry], items: &[Item]) -> bool {
        let mut rest = items;
        for entry in entries {
            let fit =
                rest.iter().take(entry.most).take_while(|item| self.matches(&entry.value, item)).count();
            if fit < entry.least {
                return false;
            }
            rest = &rest[fit..];
        }
        rest.is_empty()
    }

    fn map(&self, entries: &[Entry], pairs: &[(Item, Item)]) -> bool {
        let mut counts = vec![0; entries.len()];
        for (key, value) in pairs {
            let found = entries.iter().position(|entry| {
                entry.key.as_ref().is_some_and(|rule| self.matches(rule, key))
                    && self.matches(&entry.value, value)
            });
            let Some(found) = found else { return false };
            counts[found] += 1;
        }
        entries.iter().zip(counts).all(|(entry, count)| (entry.least..=entry.most).contains(&count))
    }
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        let token = self.peek(0).to_owned();
        assert!(!token.is_empty(), "the rules end within one");
        self.at += 1;
        token
    }

    fn expect(&mut self, token: &str) {
        let found = self.next();
        assert_eq!(found, token, "before {:?}", &self.tokens[self.at..self.tokens.len().min(self.at + 8)]);
    }

    fn take(&mut self, token: &str) -> bool {
        let is = self.peek(0) == token;
        self.at += usize::from(is);
        is
    }

    fn choice(&mut self) -> Type {
        let mut types = vec![self.single()];
        while self.take("/") {
            types.push(self.single());
        }
        if types.len() == 1 { types.swap_remove(0) } else { Type::Choice(types) }
    }

    fn single(&mut self) -> Type {
        let token = self.next();
        match token.as_str() {
            "[" => Type::Array(self.entries("]")),
            "{" => Type::Map(self.entries("}")),
            "&" => {
                self.expect("(");
                let mut numbers = Vec::new();
                loop {
                    self.next();
                    self.expect(":");
                    numbers.push(self.next().parse().expect("a number of an enumeration"));
                    if !self.take(",") {
                        break;
                    }
                }
                self.expect(")");
                Type::Enumeration(numbers)
            }
            _ => {
                let plain = token.parse().map_or(Type::Name(token), Type::Number);
                if self.take(".size") { Type::Sized(Box::new(plain), self.sizes()) } else { plain }
            }
        }
    }

    /// `32`, or `(0..64)`.
    fn sizes(&mut self) -> RangeInclusive<usize> {
        let is_range = self.take("(");
        let least = self.number();
        if !is_range {
            return least..=least;
        }
        self.expect("..");
        let most = self.number();
        self.expect(")");
        least..=most
    }

    fn number(&mut self) -> usize {
        self.next().parse().expect("a number")
    }

    fn entries(&mut self, close: &str) -> Vec<Entry> {
        let mut entries = Vec::new();
        while !self.take(close) {
            let (least, mut most) = match self.peek(0) {
                "?" => (0, 1),
                "*" => (0, usize::MAX),
                "+" => (1, usize::MAX),
                _ => (1, 1),
            };
            self.at += usize::from((least, most) != (1, 1));
            if most == usize::MAX && self.peek(0).parse::<usize>().is_ok() {
                most = self.number();
            }
            let key = match self.peek(1) {
                "=>" => Some(self.single()),
                ":" => {
                    let token = self.next();
                    // A name before a colon is a label for people.
                    Some(token.parse().map_or(Type::Name(token), Type::Number))
                }
                _ => None,
            };
            if key.is_some() {
                self.next();
            }
            entries.push(Entry { least, most, key, value: self.choice() });
            self.take(",");
        }
        entries
    }
}

fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').unwrap_or(rest.len());
        let sign = [".size", "=>", ".."].iter().find(|sign| rest.starts_with(**sign)).map(|sign| sign.len());
        let length = sign.unwrap_or(name).max(1);
        let (token, after) = rest.split_at(length);
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    tokens
}
