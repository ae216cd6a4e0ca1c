//! What a template may do, looked up in its syntax tree: in what minijinja makes of it, not in what it looks
//! like.
//!
//! Texts are joined and repeated by neither operators nor variables of a template's own, so that none is much
//! longer than template and facts: only `if`, and `for` over what is named; no `*`, no lists, maps or calls,
//! and few operators in a row.

use minijinja::machinery::ast::{BinOpKind, Expr, Stmt};
use minijinja::machinery::{Span, parse};
use minijinja::syntax::SyntaxConfig;

/// Operators within one expression.
const MOST_OPERATORS: usize = 20;

/// A line, from 1, and what it may not do.
pub(super) type Forbidden = (usize, String);

/// A template that does not parse passes: compiling it says what is wrong.
pub(super) fn check(source: &str) -> Result<(), Forbidden> {
    match parse(source, "template", SyntaxConfig::default()) {
        Ok(template) => statement(&template),
        Err(_) => Ok(()),
    }
}

fn statements(statements: &[Stmt<'_>]) -> Result<(), Forbidden> {
    statements.iter().try_for_each(statement)
}

fn statement(statement: &Stmt<'_>) -> Result<(), Forbidden> {
    match statement {
        Stmt::Template(template) => statements(&template.children),
        Stmt::EmitRaw(_) => Ok(()),
        Stmt::EmitExpr(emit) => expression(&emit.expr),
        Stmt::IfCond(cond) => {
            expression(&cond.expr)?;
            statements(&cond.true_body)?;
            statements(&cond.false_body)
        }
        Stmt::ForLoop(each) => {
            let plain = matches!(each.target, Expr::Var(_)) && is_path(&each.iter);
            if !plain || each.filter_expr.is_some() || each.recursive {
                return forbidden(each.span(), "a loop is written {% for line in order.lines %}");
            }
            statements(&each.body)?;
            statements(&each.else_body)
        }
        Stmt::WithBlock(other) => only_if_and_for(other.span()),
        Stmt::Set(other) => only_if_and_for(other.span()),
        Stmt::SetBlock(other) => only_if_and_for(other.span()),
        Stmt::AutoEscape(other) => only_if_and_for(other.span()),
        Stmt::FilterBlock(other) => only_if_and_for(other.span()),
        Stmt::Do(other) => only_if_and_for(other.span()),
    }
}

fn only_if_and_for(span: Span) -> Result<(), Forbidden> {
    forbidden(span, "this tag is not allowed; there are if and for")
}

/// `order.lines`.
fn is_path(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Var(_) => true,
        Expr::GetAttr(get) => is_path(&get.expr),
        _ => false,
    }
}

fn expression(expr: &Expr<'_>) -> Result<(), Forbidden> {
    let mut operators = 0;
    part(expr, &mut operators)?;
    if operators > MOST_OPERATORS {
        return forbidden(expr.span(), &format!("more than {MOST_OPERATORS} operators in one expression"));
    }
    Ok(())
}

fn part(expr: &Expr<'_>, operators: &mut usize) -> Result<(), Forbidden> {
    let mut all = |parts: &[Option<&Expr<'_>>]| parts.iter().flatten().try_for_each(|expr| part(expr, operators));
    match expr {
        Expr::Var(_) | Expr::Const(_) => Ok(()),
        Expr::GetAttr(get) => all(&[Some(&get.expr)]),
        Expr::GetItem(get) => all(&[Some(&get.expr), Some(&get.subscript_expr)]),
        Expr::Slice(slice) => all(&[Some(&slice.expr), slice.start.as_ref(), slice.stop.as_ref(), slice.step.as_ref()]),
        Expr::UnaryOp(unary) => all(&[Some(&unary.expr)]),
        Expr::IfExpr(cond) => all(&[Some(&cond.test_expr), Some(&cond.true_expr), cond.false_expr.as_ref()]),
        Expr::Compare(compare) => {
            all(&[Some(&compare.expr)])?;
            compare.ops.iter().try_for_each(|op| all(&[Some(&op.expr)]))
        }
        Expr::BinOp(binary) => {
            if matches!(binary.op, BinOpKind::Mul | BinOpKind::Pow) {
                return forbidden(binary.span(), "* is not allowed here");
            }
            all(&[Some(&binary.left), Some(&binary.right)])?;
            *operators += 1;
            Ok(())
        }
        Expr::Filter(filter) if filter.args.is_empty() => all(&[filter.expr.as_ref()]),
        Expr::Filter(filter) => forbidden(filter.span(), "no filter here takes arguments"),
        Expr::Test(_) | Expr::Call(_) => forbidden(expr.span(), "there are no tests and no functions here"),
        Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => forbidden(expr.span(), "lists and maps are not allowed here"),
    }
}

fn forbidden(span: Span, why: &str) -> Result<(), Forbidden> {
    Err((usize::from(span.start_line), why.to_owned()))
}
