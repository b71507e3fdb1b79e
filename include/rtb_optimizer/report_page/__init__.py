"""The run report as one HTML page that needs nothing else: `report_page.page.report_page`."""
