//! Circles in a directed graph: its strongly connected components of more than one node (Tarjan, 1972).

/// The circles of the graph in which node `n` points to every node of `edges[n]`.
pub fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search { edges, order: vec![None; edges.len()], low: vec![0; edges.len()], ..Search::default() };
    for node in 0..edges.len() {
        if search.order[node].is_none() {
            search.visit(node);
        }
    }
    search.found.retain(|circle| circle.len() > 1);
    search.found
}

#[derive(Default)]
struct Search<'e> {
    edges: &'e [Vec<usize>],
    /// When a node was first seen.
    order: Vec<Option<usize>>,
    /// The earliest node that can be reached from a node through the stack.
    low: Vec<usize>,
    stack: Vec<usize>,
    seen: usize,
    found: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn visit(&mut self, node: usize) {
        self.order[node] = Some(self.seen);
        self.low[node] = self.seen;
        self.seen += 1;
        self.stack.push(node);
        for &next in &self.edges[node] {
            match self.order[next] {
                None => {
                    self.visit(next);
                    self.low[node] = self.low[node].min(self.low[next]);
                }
                Some(order) if self.stack.contains(&next) => self.low[node] = self.low[node].min(order),
                Some(_) => {}
            }
        }
        if Some(self.low[node]) == self.order[node] {
            let from = self.stack.iter().position(|&n| n == node).unwrap_or(0);
            self.found.push(self.stack.split_off(from));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::circles;

    #[test]
    fn a_chain_has_no_circle() {
        assert!(circles(&[vec![1], vec![2], vec![]]).is_empty());
    }

    #[test]
    fn a_circle_is_found_behind_a_chain() {
        let mut found = circles(&[vec![1], vec![2], vec![3], vec![1], vec![0]]);
        found[0].sort_unstable();
        assert_eq!(found, [vec![1, 2, 3]]);
    }
}
